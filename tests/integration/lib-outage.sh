# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A network that fails on command, between liftfs and an endpoint.  After lib.sh; needs haproxy, socat, openssl.

# start_proxy HOST:PORT: TLS on $proxy_port, trusted by $proxy_ca.
start_proxy() {
	proxy_dir=$scratch/proxy
	mkdir -p "$proxy_dir"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$proxy_dir/key.pem" -out "$proxy_dir/ca.pem" -days 2 \
		-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null || fail "certificate"
	cat "$proxy_dir/ca.pem" "$proxy_dir/key.pem" >"$proxy_dir/site.pem"
	proxy_ca=$proxy_dir/ca.pem
	cat >"$proxy_dir/delay.lua" <<-'END'
		core.register_action("delay", { "http-req" }, function(txn)
		  local ms = tonumber(txn:get_var("proc.delay") or 0)
		  if ms > 0 then
		    core.msleep(ms)
		  end
		end)
	END
	proxy_port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	HA_DIR=$proxy_dir HA_PORT=$proxy_port HA_BACKEND=$1 haproxy -f "$srcdir/tests/support/haproxy.cfg" -db >"$proxy_dir/log" 2>&1 &
	proxy_pid=$!
	cleanup_fn stop_proxy
	wait_for 10 test -S "$proxy_dir/sock"
}

stop_proxy() {
	kill "$proxy_pid" 2>/dev/null || :
	wait "$proxy_pid" 2>/dev/null || :
}

proxy_command() {
	echo "$1" | socat - "UNIX-CONNECT:$proxy_dir/sock" >>"$proxy_dir/commands" 2>&1
}

# proxy_fault NAME VALUE: delay (ms), p503, pdrop, plost (percent).
proxy_fault() {
	proxy_command "experimental-mode on; set var proc.$1 int($2)"
}
proxy_down() { proxy_command "disable server blob/a"; proxy_command "shutdown sessions server blob/a"; }
proxy_up() { proxy_command "enable server blob/a"; }
# Every open connection to the service, in the middle of a body too.
proxy_cut() { proxy_command "shutdown sessions server blob/a"; }

# How many requests went on to the service so far.
proxy_passed() {
	echo "show stat" | socat - "UNIX-CONNECT:$proxy_dir/sock" | awk -F, '$1 == "blob" && $2 == "a" { print $8 }'
}
proxy_mark() {
	proxy_marked=$(proxy_passed)
}
# proxy_more N: N more have gone on since proxy_mark.
proxy_more() {
	[ "$(proxy_passed)" -ge $((proxy_marked + $1)) ]
}
