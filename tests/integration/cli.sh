#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line: verbs, usage errors, exit statuses, what goes to which output, and a sync with all around it.
. "${srcdir:-.}/tests/integration/lib.sh"
requires jq

liftfs=$builddir/tools/liftfs
unset AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY AZURE_STORAGE_SAS_TOKEN AZURE_STORAGE_CONNECTION_STRING LIFTFS_EXEC_PATH
unset AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_CLIENT_CERTIFICATE_PATH AZURE_FEDERATED_TOKEN_FILE
unset AZURE_POD_IDENTITY_AUTHORITY_HOST IDENTITY_ENDPOINT IMDS_ENDPOINT LIFTFS_AUTH
HOME=$scratch
LIFTFS_STATE=$scratch/state
export HOME LIFTFS_STATE
cd "$scratch"

# same WHAT GOT WANT
same() {
	[ "$2" = "$3" ] || fail "$1: '$2', not '$3'"
}

# ---- verbs and usage ----
must_fail 2 "no verb" "$liftfs"
must_fail 2 "did you mean 'sync'?" "$liftfs" snyc
must_fail 2 "did you mean 'verify'?" "$liftfs" ver
must_fail 2 "the verb comes before the options" "$liftfs" --json info
must_fail 2 "the first argument is no verb" "$liftfs" ../info x
must_fail 2 "'info' is not a verb" env LIFTFS_EXEC_PATH="$scratch" "$liftfs" info x
"$liftfs" --version | grep -q '^liftfs ' || fail "--version"
same "--version of a verb" "$("$liftfs" info --version)" "$("$liftfs" --version)"
"$liftfs" --help >help
[ "$(wc -l <help)" -le 24 ] || fail "--help is longer than a screen"

must_fail 2 "unknown option '--frobnicate'" "$liftfs" info --frobnicate=secret x
must_fail 2 "unknown option '-Z'" "$liftfs" info -Z x
must_fail 2 "option '--state' needs an argument" "$liftfs" info x --state
must_fail 2 "option '--map' takes no argument" "$liftfs" info --map=yes x
must_fail 2 "missing argument: liftfs info [options] IMAGE" "$liftfs" info
must_fail 2 "too many arguments, from 'b' on" "$liftfs" info a b
must_fail 2 "--color: 'pink' is not one of: always auto never" "$liftfs" info --color pink x
must_fail 2 "--jobs: '0': at least 1" "$liftfs" sync --jobs 0 a b
must_fail 2 "--block-size: '5': not a power of two from 64K to 4M" "$liftfs" sync --block-size 5 a b
must_fail 2 "Try 'liftfs sync --help'." "$liftfs" sync --progress never a b
must_fail 2 "'syn' is not a verb; did you mean 'sync'?" "$liftfs" help syn
must_fail 2 "--plain and --json exclude each other" "$liftfs" list --plain --json .
must_fail 2 "unknown option" "$liftfs" sync --seeds=dir:x a b
must_fail 74 "nope.vmdk: No such file or directory" "$liftfs" info nope.vmdk
must_fail 74 "--log-file" "$liftfs" info --log-file /nonexistent/log x
must_fail 2 "not a kind of target" "$liftfs" list ftp://host/x

# ---- images ----
mkdir -p ds/web01 ds/db
head -c 3000000 /dev/urandom >ds/web01/web01.raw
truncate -s 8M ds/web01/web01.raw
cp ds/web01/web01.raw ds/db/db.raw
printf 'KDMV' >ds/db/broken.vmdk

"$liftfs" info ds/web01/web01.raw >out 2>err
[ ! -s err ] || fail "info says '$(cat err)'"
grep -q '^size: *8 MiB (8388608 bytes)$' out || fail "info: $(cat out)"
same "info --json" "$("$liftfs" info --json ds/web01/web01.raw | jq -c '[.schema,.path,.format,.virtual_size,.dirty_log]')" \
	'[1,"ds/web01/web01.raw","raw",8388608,false]'
same "info --map --json" "$("$liftfs" info --map --json ds/web01/web01.raw | jq '[.[].length] | add')" 8388608
same "the map has no gaps" "$("$liftfs" info --map --json ds/web01/web01.raw |
	jq '. as $m | [range(1; length) | $m[.].start == $m[. - 1].start + $m[. - 1].length] | all')" true
must_fail 65 "broken.vmdk" "$liftfs" info ds/db/broken.vmdk
esc=$(printf 'ds/\033[31m.vmdk')
printf 'rubbish' >"$esc"
must_fail 65 '\x1B[31m.vmdk' "$liftfs" info "$esc"
rm -f "$esc"

same "list --plain" "$("$liftfs" list --plain ds | tr '\n' ' ')" 'db/db web01/web01 db/broken '
same "list --json" "$("$liftfs" list --json ds | jq -c '[.vms[].disks[] | .error.status]')" '[65,null,null]'

# ---- pipes and full disks ----
"$liftfs" list ds | head -n 1 | grep -q '^VM' || fail "a table in a pipe has its heading"
if [ -c /dev/full ]; then
	status=0
	"$liftfs" list --json ds >/dev/full 2>err || status=$?
	same "a full standard output" "$status" 74
fi

# ---- places ----
must_fail 2 "TARGET ds/replicas lies inside SOURCE ds" "$liftfs" sync ds ds/replicas
must_fail 2 "SOURCE ds/web01 lies inside TARGET ds" "$liftfs" sync ds/web01 ds
must_fail 2 "the state ds/state" "$liftfs" sync --state ds/state ds tgt
ln -s ds link
must_fail 2 "lies inside SOURCE" "$liftfs" sync ds link/replicas
[ ! -e ds/replicas ] || fail "a refused target was made"

# ---- a dry run, then the run ----
"$liftfs" sync -n --exclude 'broken*' ds tgt >out 2>err
grep -q 'nothing was changed' out || fail "dry run: $(cat out)"
if [ -e tgt ] || [ -e state ]; then
	fail "a dry run changed something"
fi
same "sync -n --json" "$("$liftfs" sync -n --json --exclude 'broken*' ds tgt 2>/dev/null |
	jq -c '[.result, (.disks[] | [.name, .result, .kind, .virtual_size])]')" \
	'["ok",["db/db.vhd","planned","initial",8388608],["web01/web01.vhd","planned","initial",8388608]]'

status=0
"$liftfs" sync --json ds tgt >doc 2>err || status=$?
same "a broken disk" "$status" 65
same "documents on standard output" "$(jq -s length doc)" 1
same "result" "$(jq -r .result doc)" incomplete
same "disks" "$(jq -c '[.disks[] | [.name, .result]] | sort' doc)" \
	'[["db/broken.vhd","failed"],["db/db.vhd","ok"],["web01/web01.vhd","ok"]]'
same "members" "$(jq -c '.disks[0] | keys_unsorted' doc)" \
	'["name","vm","source","result","cycle","kind","consistency","virtual_size","bytes_read","blocks_hashed","blocks_changed","bytes_sent","bytes_cleared","requests","retries","recovery_point","snapshot","seconds","error"]'
same "error" "$(jq -c '.disks[] | select(.error) | [.error.code, .error.status]' doc)" '["corrupt",65]'
grep -q 'broken.vmdk' err || fail "the broken disk is not named: $(cat err)"
rm ds/db/broken.vmdk
cmp -n 8388608 ds/web01/web01.raw tgt/web01/web01.vhd || fail "the replica differs"
same "state folder" "$(stat -c %a state)" 700

# quiet, progress, plain lines
"$liftfs" sync -q ds tgt >out 2>err
[ ! -s out ] || fail "-q prints: $(cat out)"
"$liftfs" sync --progress lines ds tgt >out 2>err
grep -q "$(printf '\033')" err && fail "control sequences without a terminal"
grep -q '^2 disks' out || fail "no summary: $(cat out)"

# ---- patterns, several sources ----
same "first match wins" "$("$liftfs" sync -n --json --include '*/web*' --exclude '*' ds tgt 2>/dev/null |
	jq -c '[.disks[].name]')" '["web01/web01.vhd"]'
same "a folder stands for what is below" "$("$liftfs" sync -n --json --exclude db ds tgt 2>/dev/null |
	jq -c '[.disks[].name]')" '["web01/web01.vhd"]'
same "several sources" "$("$liftfs" sync -n --json ds/web01 ds/db other 2>/dev/null | jq -c '[.disks[].name]')" \
	'["web01/web01.vhd","db/db.vhd"]'
must_fail 2 "no disk to replicate there" "$liftfs" sync --exclude '*' ds tgt
must_fail 2 "no disk to replicate there" "$liftfs" sync --only-configured ds tgt

# ---- list and verify ----
same "list of a target" "$("$liftfs" list --json tgt | jq -c '[.replicas[].name]')" '["db/db.vhd","web01/web01.vhd"]'
same "verify" "$("$liftfs" verify --json ds/web01/web01.raw tgt/web01/web01.vhd | jq -c '[.result,.sha256,.size_b]')" \
	"[\"match\",\"$(sha256sum <ds/web01/web01.raw | cut -d' ' -f1)\",8388608]"
"$liftfs" verify ds tgt >out || fail "verify of folders: $(cat out)"
same "pairs" "$(grep -c ': match' out)" 2
same "pairs that are chosen" \
	"$("$liftfs" verify --json --include 'db/**' --exclude '*' ds tgt | jq -c '[.disks[].name]')" '["db/db.vhd"]'
must_fail 2 "choose from a folder" "$liftfs" verify --only-configured ds/web01/web01.raw tgt/web01/web01.vhd
ln -s ds/web01/web01.raw link.raw
"$liftfs" verify -q link.raw tgt/web01/web01.vhd || fail "verify of what a link leads to"
cp ds/web01/web01.raw changed.raw
printf 'XYZ' | dd of=changed.raw bs=1 seek=5000000 conv=notrunc 2>/dev/null
status=0
"$liftfs" verify ds/web01/web01.raw changed.raw >out || status=$?
same "verify of what differs" "$status" 1
grep -q 'bytes 5000000 to 5000002 (3)' out || fail "the range is not named: $(cat out)"
must_fail 74 "x.vhd" "$liftfs" verify ds/web01/web01.raw tgt/x.vhd
must_fail 2 "only a replica has recovery points" "$liftfs" info ds/web01/web01.raw@latest

# ---- secrets ----
echo "AZURE_STORAGE_KEY=AAAA" >creds
chmod 644 creds
must_fail 78 "creds" "$liftfs" list --credentials creds https://acct.blob.core.windows.net/vms
must_fail 78 "AZURE_STORAGE_KEY is wrong: key of account acct: not base64" \
	env AZURE_STORAGE_ACCOUNT=acct AZURE_STORAGE_KEY=A "$liftfs" list https://acct.blob.core.windows.net/vms
must_fail 78 "no credentials" "$liftfs" list https://acct.blob.core.windows.net/vms
status=0
"$liftfs" list "https://acct.blob.core.windows.net/vms?sv=2024-11-04&sr=c&sp=r&se=2020-01-01T00:00:00Z&sig=TopSecret" \
	>out 2>&1 || status=$?
same "a SAS that has ended" "$status" 78
grep -q TopSecret out && fail "a signature is shown"
"$liftfs" verify "https://h/vms?sig=TopSecret" b c d >out 2>&1 && fail "four arguments are taken"
"$liftfs" frob "https://h/vms?sig=TopSecret" >>out 2>&1 && fail "a verb of no program"
"$liftfs" "https://h/vms?sig=TopSecret" >>out 2>&1 && fail "a URL is no verb"
grep -q TopSecret out && fail "a signature is shown in a usage error"

# ---- what mount(8) calls ----
mkdir -p exec
cat >exec/liftfs-mount <<'END'
#!/bin/sh
echo "$0 $*"
END
chmod +x exec/liftfs-mount
same "a source and a folder without a verb" "$(env LIFTFS_EXEC_PATH=exec "$liftfs" ./ds /mnt -o ro)" \
	"exec/liftfs-mount ./ds /mnt -o ro"
ln -s "$liftfs" mount.fuse.liftfs
same "as mount.fuse.liftfs" "$(env LIFTFS_EXEC_PATH=exec ./mount.fuse.liftfs ds /mnt -o ro)" "exec/liftfs-mount ds /mnt -o ro"
echo "the command line is as documented"
