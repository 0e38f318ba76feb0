/* SPDX-License-Identifier: Apache-2.0 */
/* Codes: kept in order, and what each means to people; and the names of verdicts. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assess/rules.h"
#include "base/compiler.h"

static const struct {
	const char *code, *text;
} texts[] = {
	/* the guest */
	{ "GuestOperatingSystemUnknown", "The inventory does not say which operating system this is; find out, and "
					 "look up whether Azure supports it." },
	{ "GuestOperatingSystemNotSupported",
	  "This operating system does not start in Azure; move what it does to another one." },
	{ "GuestOperatingSystemArchitectureNotSupported",
	  "The guest is not 64-bit x86: a 32-bit one may start without full support, an Arm one does not; plan a "
	  "64-bit x86 guest." },
	{ "WindowsOSNoLongerUnderMSSupport", "Microsoft's support of this Windows version has ended; it may start, but "
					     "upgrade it before or soon after the move." },
	{ "WindowsServerVersionConditionallySupported",
	  "This old Windows Server needs a custom support agreement to be supported in Azure; upgrade it if you can." },
	{ "WindowsServerVersionsSupportedWithCaveat",
	  "This Windows Server is supported with restrictions; read Azure's support statement for it." },
	{ "CheckWindowsServer2008R2Version",
	  "Whether this Windows Server 2008 is supported depends on its release; check it." },
	{ "WindowsClientVersionsConditionallySupported",
	  "Windows client editions may run in Azure under certain licences only; check that yours is one of them." },
	{ "NoGuestOperatingSystemConditionallySupported",
	  "This operating system may start in Azure, but nobody supports it there; test it, or replace it." },
	{ "EndorsedWithConditionsLinuxDistributions", "The distribution is endorsed, but this version is no longer "
						      "offered in Azure; plan an upgrade, and test it first." },
	{ "UnendorsedLinuxDistributions", "The distribution is not endorsed in Azure; check that its kernel has the "
					  "Hyper-V drivers, and test it first." },
	{ "CheckRedHatLinuxVersion",
	  "Whether Azure supports it depends on the version of Red Hat Enterprise Linux; check it." },
	{ "CheckCentOsVersion",
	  "Whether Azure supports it depends on the version of CentOS, most of which have ended; check it." },
	{ "CheckOracleLinuxVersion", "Whether Azure supports it depends on the version of Oracle Linux; check it." },
	{ "CheckSuseLinuxVersion",
	  "Whether Azure supports it depends on the version and service pack of SUSE Linux; check it." },
	{ "CheckOpenSuseLinuxVersion", "Whether Azure supports it depends on the version of openSUSE; check it." },
	{ "CheckUbuntuLinuxVersion", "Whether Azure supports it depends on the version of Ubuntu; check it." },
	{ "CheckDebianLinuxVersion", "Whether Azure supports it depends on the version of Debian; check it." },
	{ "CheckCoreOsLinuxVersion", "CoreOS Container Linux has ended; check the version, and plan its successor." },
	/* the machine */
	{ "LiftfsSizeUnknown", "The inventory does not say how many vCPUs or how much memory the machine has; complete "
			       "it and assess again." },
	{ "BootTypeUnknown", "The inventory does not say whether the machine boots by BIOS or UEFI, and BIOS was "
			     "assumed; check its firmware." },
	{ "BootTypeNotSupported", "The machine boots by UEFI, but this guest cannot run as a generation 2 VM; convert "
				  "it to BIOS, or replace the guest." },
	{ "OneOrMoreAdaptersNotSuitable",
	  "The machine has more than 32 network adapters; remove some before the move." },
	{ "IpV6NotSupported",
	  "The machine uses an IPv6 address, which Azure VMware Solution does not route; check that IPv4 is enough." },
	{ "UnsupportedOperatingSystem",
	  "Today's ESXi no longer supports this operating system; it may run, but upgrade it." },
	/* its disks */
	{ "LiftfsDiskUnknown", "The inventory does not say what disks the machine has or how large they are; complete "
			       "it and assess again." },
	{ "MoreDisksThanSupported",
	  "The machine has more than 65 disks, which no Azure VM takes; merge some, or move data elsewhere." },
	{ "OneOrMoreDisksNotSuitable", "A disk does not fit any managed disk; its own code says why." },
	{ "DiskSizeGreaterThanSupported", "The disk is larger than Azure allows for its use (an OS disk 2,048 GiB with "
					  "BIOS, 4,096 with UEFI; any 32,767); split it." },
	{ "NoSuitableDiskSizeForIops", "No disk of the types allowed does as many operations a second; allow another "
				       "type, or stripe over several disks." },
	{ "NoSuitableDiskSizeForThroughput",
	  "No disk of the types allowed has the throughput; allow another type, or stripe over several disks." },
	{ "LiftfsDiskRawDeviceMapping", "A disk is a raw device or passed through and is not replicated; convert it to "
					"a virtual disk, or move its data itself." },
	{ "LiftfsDiskShared",
	  "A disk is shared with other machines; plan an Azure shared disk, and stop all of them for the last cycle." },
	{ "LiftfsDiskIndependent", "A disk is independent of snapshots, so it is not frozen while the machine runs; "
				   "shut it down for the last cycle." },
	{ "LiftfsDiskExceedsPageBlob",
	  "A disk of 8 TiB or more does not fit a page blob with its footer; replicate it to a folder, or split it." },
	/* its size */
	{ "NoSuitableVmSizeFound",
	  "No size among those allowed has the vCPUs and memory; allow more series, or lower the comfort factor." },
	{ "NoVmSizeSupportsStoragePerformance", "No size among those allowed takes the number of disks, their "
						"operations a second and throughput; allow more series." },
	{ "NoVmSizeSupportsNetworkPerformance", "No size among those allowed has the network adapters and bandwidth; "
						"allow more series, or remove adapters." },
	{ "NoVmSizeForSelectedAzureLocation", "No size that would fit has a price in the region; choose another region "
					      "or series, or refresh the price file." },
	/* notes */
	{ "LiftfsPoweredOff", "The machine is not running; check whether it is still needed." },
	{ "LiftfsSecureBoot", "The machine uses secure boot; in Azure that is Trusted Launch, and unsigned drivers "
			      "keep it from starting." },
	{ "LiftfsSnapshotPresent",
	  "The machine has snapshots; delete those that nobody needs, they slow replication down." },
	{ "LiftfsConsolidationNeeded", "Its disks need consolidation; do it before replication begins." },
	{ "LiftfsDisksCollapsed", "The inventory has only the sum of its disks, which was taken for one disk; with the "
				  "rows of disks the result is better." },
	{ "LiftfsDiskContradicts", "A disk shows another system, firmware or architecture than the inventory says; the disk "
				   "counts, so correct the inventory, and check that it is this machine's disk." },
	{ "LiftfsDiskUnreadable", "A disk could not be read, or not all of it, and what it would show is not known; repair or "
				  "copy it again, and assess again." },
	{ "LiftfsDiskEncrypted", "A disk is encrypted by BitLocker or LUKS, and what is on it cannot be seen or prepared; have "
				 "the recovery key at hand, or decrypt it before the move." },
	{ "LiftfsDynamicDisk", "A disk is a dynamic disk of Windows, from which Azure does not start a system; convert that of "
			       "the system to a basic disk." },
	{ "LiftfsFileSystemDirty", "A file system was not unmounted: the machine runs, or was not shut down properly; shut it "
				   "down before the last cycle, and check the file system if it was off." },
	{ "LiftfsFstabDeviceName", "The guest's /etc/fstab names a disk by its place, such as /dev/sdb1, which is another one in "
				   "Azure; name it by UUID." },
	{ "LiftfsHibernated", "The guest hibernates or was shut down for a fast start-up; turn that off (powercfg /h off), and "
			      "shut it down completely." },
	{ "LiftfsHyperVDriversMissing", "A kernel of the guest cannot start from a disk in Azure: its ramdisk lacks hv_vmbus or "
					"hv_storvsc; add them to the ramdisk (dracut, update-initramfs), and make it anew." },
	{ "LiftfsUpdatesPending",
	  "Windows has updates to finish at its next start; restart it, and let it finish, before the move." },
	{ "LiftfsNameNeedsChange",
	  "The name is not allowed for an Azure VM; use the one proposed, or choose another." },
};

const char *assess_code_text(const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(texts[i].code, code) == 0)
			return texts[i].text;
	return "";
}

static const int rank[ASSESS_VERDICTS] = {
	[VERDICT_READY] = 0,
	[VERDICT_CONDITIONAL] = 1,
	[VERDICT_UNKNOWN] = 2,
	[VERDICT_NOT_READY] = 3,
};

static int make_room(struct assess_codes *codes, struct error *err)
{
	size_t more = codes->cap ? 2 * codes->cap : 4;
	enum assess_verdict *of;
	const char **v;

	if (codes->n < codes->cap)
		return 0;
	v = reallocarray(codes->v, more, sizeof(*v));
	if (v)
		codes->v = v;
	of = v ? reallocarray(codes->of, more, sizeof(*of)) : NULL;
	if (!of)
		return error_errno(err, ENOMEM, "codes");
	codes->of = of;
	codes->cap = more;
	return 0;
}

static int add(struct assess_codes *codes, const char *code, enum assess_verdict of_code, struct error *err)
{
	size_t at = 0;

	while (at < codes->n && strcmp(codes->v[at], code) < 0)
		at++;
	if (at < codes->n && strcmp(codes->v[at], code) == 0) {
		if (rank[of_code] > rank[codes->of[at]])
			codes->of[at] = of_code;
		return 0;
	}
	if (make_room(codes, err) < 0)
		return -1;
	memmove(codes->v + at + 1, codes->v + at, (codes->n - at) * sizeof(*codes->v));
	memmove(codes->of + at + 1, codes->of + at, (codes->n - at) * sizeof(*codes->of));
	codes->v[at] = code;
	codes->of[at] = of_code;
	codes->n++;
	return 0;
}

int assess_codes_add(struct assess_codes *codes, const char *code, struct error *err)
{
	return add(codes, code, VERDICT_READY, err);
}

void assess_codes_fini(struct assess_codes *codes)
{
	free(codes->v);
	free(codes->of);
	*codes = (struct assess_codes){ .n = 0 };
}

int assess_judge(struct assess_codes *codes, enum assess_verdict *verdict, const char *code,
		 enum assess_verdict of_code, struct error *err)
{
	if (rank[of_code] > rank[*verdict])
		*verdict = of_code;
	return add(codes, code, of_code, err);
}

const char *assess_azure_verdict(enum assess_verdict v)
{
	static const char *const names[ASSESS_VERDICTS] = {
		[VERDICT_READY] = "Ready for Azure",
		[VERDICT_CONDITIONAL] = "Conditionally ready for Azure",
		[VERDICT_NOT_READY] = "Not ready for Azure",
		[VERDICT_UNKNOWN] = "Readiness unknown",
	};

	return names[v];
}

const char *assess_avs_verdict(enum assess_verdict v)
{
	static const char *const names[ASSESS_VERDICTS] = {
		[VERDICT_READY] = "Ready for AVS",
		[VERDICT_CONDITIONAL] = "Ready with conditions",
		[VERDICT_NOT_READY] = "Not ready for AVS",
		[VERDICT_UNKNOWN] = "Readiness unknown",
	};

	return names[v];
}
