#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh PROGRAM: builds the vCenter simulator from Debian's Go packages, without a network.  Up to a minute of CPU the
# first time.  Needs golang-go and golang-github-vmware-govmomi-dev.
set -eu
out=$1
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
cd "$(dirname "$0")"
GOPATH=${GOVMOMI_GOPATH:-/usr/share/gocode} GO111MODULE=off GOPROXY=off GOFLAGS='' GOCACHE=$out.cache \
	go build -ldflags '-s -w' -o "$out" .
