package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// A contender is one way of delivering events; each has a server process of its own.
type contender struct {
	name     string
	protocol protocol
	listen   func(net.Listener) broker               // serves in a process of this program
	command  func(context.Context) (*program, error) // or is another program
	singly   bool                                    // never puts two events into one write
}

// A program is how to start a server that is not this one.
type program struct {
	path string
	args []string
	env  []string
}

// contenders are measured in this order, again and again.
var contenders []contender

func init() { // they need serve, which needs them
	contenders = []contender{
		{name: ours, protocol: graphqlTransportWS, listen: serveOurs}, // until executions are shared
		{name: "gqlgen", protocol: graphqlTransportWS, listen: serveGqlgen, singly: true},
		{name: "yoga", protocol: graphqlTransportWS, command: yoga, singly: true},
		{name: "centrifuge", protocol: centrifugeJSON, command: centrifuge},
		{name: "prepared", protocol: webSocket, listen: servePrepared},
		{name: "tcp", protocol: bare, listen: serveTCP},
		{name: "tcp-joined", protocol: bare, listen: serveTCPJoined},
	}
}

const ours = "ours"

func contenderNamed(name string) (contender, error) {
	var names []string
	for _, c := range contenders {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return contender{}, fmt.Errorf("there is no contender %q, only %s", name, strings.Join(names, ", "))
}

// program gives what starts the contender's server.
func (c contender) program(ctx context.Context) (*program, error) {
	if c.command != nil {
		return c.command(ctx)
	}
	self, err := os.Executable()
	return &program{path: self, args: []string{serveCommand, c.name}}, err
}

func (p *program) cmd(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = os.Stderr
	return cmd
}
