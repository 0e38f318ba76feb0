# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The images of disk_images.py that this build must be able to read; others may be refused as not supported.
images_read="vmdk-hosted vmdk-chain vmdk-split vmdk-stream vmdk-stream-no-footer vmdk-cowd vmdk-sesparse vhd-fixed vhd-dynamic vhd-differencing vhdx-dynamic vhdx-log vhdx-differencing ova"
# shellcheck disable=SC2034 # for the tests
must_read() {
	case " $images_read " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}
