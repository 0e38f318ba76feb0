# SPDX-License-Identifier: Apache-2.0
# Sourced by ./check and ./demo: installs what building and testing need on Debian 12, saying what it does.
# The caller has set -eu and $top, the source folder.  shellcheck shell=bash

say() { printf '%s\n' "$*"; }

# as_root COMMAND...: through sudo where we are not root; fails if there is neither.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "not root and no sudo: cannot run: $*" >&2
		return 1
	fi
}

# need_packages NAME...: installs those Debian packages that are not there.
need_packages() {
	local missing=() name
	command -v dpkg-query >/dev/null || {
		say "not a Debian system: please see that these are there: $*" >&2
		return 0
	}
	for name; do
		# an 'n' of the desired state (half-removed) or a missing line both mean: not there
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing Debian packages: ${missing[*]}"
	if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
		>"$logs/apt.log" 2>&1; then
		# an old or empty list of packages is the usual cause
		as_root env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -q' >"$logs/apt.log" 2>&1 &&
			as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
				>>"$logs/apt.log" 2>&1 || {
			tail -n 20 "$logs/apt.log" >&2
			say "apt-get failed; the whole output is in $logs/apt.log" >&2
			return 1
		}
	fi
}

# What ./configure and make need.
build_packages="autoconf automake make gcc libc6-dev pkg-config libfuse3-dev libcurl4-openssl-dev libssl-dev libxxhash-dev
	libjansson-dev libxml2-dev libblkid-dev libsmartcols-dev libdeflate-dev libarchive-dev libsqlite3-dev libcsv-dev
	libext2fs-dev libzstd-dev"

# need_slurm: its daemons' programs, for a test that runs its own; those of the system are not started.
need_slurm() {
	local policy=/usr/sbin/policy-rc.d ours='' status=0
	command -v munged >/dev/null && [ -x /usr/sbin/slurmctld ] && [ -x /usr/sbin/slurmd ] && command -v sbatch >/dev/null &&
		return 0
	if [ ! -e "$policy" ]; then # invoke-rc.d asks it whether a service may be started: no
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && ours=1
	fi
	need_packages slurmctld slurmd slurm-client munge || status=$?
	[ -z "$ours" ] || as_root rm -f "$policy"
	return "$status"
}

# need_azurite: Microsoft's emulator of the service, from npm, into build-tools/; sets AZURITE.
azurite_version=3.35.0
need_azurite() {
	AZURITE=${AZURITE:-$tools/node_modules/.bin/azurite-blob}
	export AZURITE
	[ -x "$AZURITE" ] && return 0
	command -v npm >/dev/null || need_packages nodejs npm
	say "installing Azurite $azurite_version from npm into ${tools#"$top"/}"
	mkdir -p "$tools"
	(cd "$tools" && npm install --no-audit --no-fund --loglevel=error --prefix . "azurite@$azurite_version") \
		>"$logs/npm.log" 2>&1 || {
		tail -n 20 "$logs/npm.log" >&2
		say "npm failed; the whole output is in $logs/npm.log" >&2
		return 1
	}
}

tools=$top/build-tools
logs=$tools/logs
mkdir -p "$logs"
