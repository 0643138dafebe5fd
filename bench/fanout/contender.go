package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// A contender is one way to deliver events. Each runs in a server process of its own.
type contender struct {
	name     string
	protocol protocol
	listen   func(net.Listener) broker               // serves in a process of this program
	command  func(context.Context) (*program, error) // returns another program that serves
	oneByOne bool                                    // never writes two events at once
}

// A program is a command that starts a server.
type program struct {
	path string
	args []string
	env  []string
}

// contenders are measured in this order, in several rounds.
var contenders []contender

func init() { // in init, because serve refers to contenders
	contenders = []contender{
		{name: ours, protocol: graphqlTransportWS, listen: serveOurs},
		{name: "gqlgen", protocol: graphqlTransportWS, listen: serveGqlgen, oneByOne: true},
		{name: "yoga", protocol: graphqlTransportWS, command: yoga, oneByOne: true},
		{name: "centrifuge", protocol: centrifugeJSON, command: centrifuge},
		{name: "prepared", protocol: webSocket, listen: servePrepared},
		{name: "tcp", protocol: tcpOnly, listen: serveTCP},
		{name: "tcp-joined", protocol: tcpOnly, listen: serveTCPJoined},
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
	return contender{}, fmt.Errorf("unknown contender %q; choose from %s", name, strings.Join(names, ", "))
}

// program returns the command that starts the contender's server.
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
