/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue of a few rows, in which each test can put another file in the place of one. */
#ifndef LIFTFS_TESTS_ASSESS_SMALL_H
#define LIFTFS_TESTS_ASSESS_SMALL_H

#include <stdio.h>
#include <string.h>

#include "assess/catalogue.h"
#include "base/compiler.h"
#include "support/scratch.h"

#define SMALL_SIZES_HEADER                                                                                            \
	"name,series,vcpus,memory_gib,max_data_disks,max_nics,uncached_iops,uncached_mbps,premium_io,gen1,gen2,nvme_" \
	"only,"                                                                                                       \
	"max_network_mbps,default_candidate\n"
#define SMALL_DISKS_HEADER "tier,disk_type,size_gib,iops,mbps,from_upload\n"
#define SMALL_PRICES_HEADER "region,kind,item,os,redundancy,unit,price_usd\n"
#define SMALL_KEYS_HEADER "os_key,os_name,family,default_arch,azure_state,azure_code,gen2,nvme,avs_state\n"

static const char *const small_files[][2] = {
	{ "azure-vm-sizes.csv", SMALL_SIZES_HEADER "one,A,1,2,1,1,100,10,yes,yes,yes,no,100,yes\n"
						   "two,A,2,4,2,2,200,20,yes,yes,yes,no,200,yes\n"
						   "four,A,4,8,4,4,400,40,yes,yes,yes,no,,yes\n"
						   "nvme,B,8,16,8,8,800,80,yes,no,yes,yes,800,yes\n"
						   "plain,C,8,16,8,8,800,80,no,yes,no,no,800,yes\n"
						   "burst,D,16,32,16,8,900,90,yes,yes,yes,no,900,no\n" },
	{ "azure-managed-disks.csv", SMALL_DISKS_HEADER "P2,premium-ssd,64,300,30,yes\n"
							"P1,premium-ssd,32,100,10,yes\n"
							"E1,standard-ssd,32,100,10,yes\n"
							"E2,standard-ssd,64,100,10,yes\n"
							"E3,standard-ssd,128,200,20,yes\n"
							"S1,standard-hdd,64,50,5,yes\n"
							"Ultra,ultra,65536,400000,10000,no\n" },
	{ "azure-prices.csv", SMALL_PRICES_HEADER "here,vm,one,linux,,hour,0.1\n"
						  "here,vm,one,windows,,hour,0.2\n"
						  "here,vm,two,linux,,hour,0.2\n"
						  "here,vm,two,windows,,hour,0.4\n"
						  "here,vm,four,linux,,hour,0.4\n"
						  "here,vm,plain,linux,,hour,0.3\n"
						  "here,disk,P1,,LRS,month,2\n"
						  "here,disk,P1,,ZRS,month,3\n"
						  "here,disk,P2,,LRS,month,4\n"
						  "here,disk,E1,,LRS,month,1\n"
						  "here,disk,E2,,LRS,month,4\n"
						  "here,disk,E3,,LRS,month,8\n"
						  "here,disk,S1,,LRS,month,0.5\n"
						  "disks,disk,E1,,LRS,month,1\n" },
	{ "os-keys.csv", SMALL_KEYS_HEADER "win,Windows,windows,x64,supported,,yes,yes,supported\n"
					   "lin,Linux,linux,x64,supported,,yes,no,supported\n"
					   "unknown,Other,unknown,,unknown,,unknown,no,supported\n" },
	{ "guest-os.csv",
	  "vim_id,vmx_id,os_key,arch\nwinGuest,win,win,x86\nwin64Guest,win-64,win,x64\nlinGuest,,lin,x64\n" },
	{ "guest-os-names.csv", "order,pattern,os_key\n1,windows 1*2,lin\n2,windows*,win\n5,*linux,lin\n" },
	{ "guest-os-releases.csv", "id,version,os_key\ntux,9,lin\n" },
	{ "avs-hosts.csv", "host,cores,ram_gb,capacity_tb\nH1,10,100,10\n" },
	{ "avs-ftt.csv", "ftt,raid,numerator,denominator,min_hosts\n0,0,1,1,1\n1,1,2,1,3\n3,1,4,1,7\n" },
};

/* With `text` for what `file` has; both may be NULL. */
static inline struct catalogue *small_catalogue(const struct scratch_dir *dir, const char *file, const char *text,
						struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(small_files); i++) {
		const char *t = file && strcmp(file, small_files[i][0]) == 0 ? text : small_files[i][1];

		scratch_write(dir, small_files[i][0], t, strlen(t));
	}
	return catalogue_open(dir->path, err);
}

#endif
