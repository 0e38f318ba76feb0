// SPDX-License-Identifier: Apache-2.0

// A vCenter for tests: the simulator library that Debian has in golang-github-vmware-govmomi-dev, without its command.
//
// Prints READY when it answers, and runs until SIGINT or SIGTERM, when it removes the folders of its datastores (made in
// $TMPDIR).
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	model := simulator.VPX()
	listen := flag.String("l", "127.0.0.1:0", "listen address")
	user := flag.String("username", "user", "the user whose login is accepted")
	pass := flag.String("password", "pass", "and the password")
	cert := flag.String("cert", "", "certificate chain (PEM)")
	key := flag.String("key", "", "private key (PEM)")
	flag.IntVar(&model.Machine, "vm", model.Machine, "virtual machines per resource pool")
	flag.Parse()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)

	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		log.Fatal(err)
	}
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	model.Service.Listen = &url.URL{Host: *listen, User: url.UserPassword(*user, *pass)}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}

	fmt.Printf("URL %s\nREADY\n", model.Service.NewServer().URL.Host)

	<-stop
	model.Remove()
}
