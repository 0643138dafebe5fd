// Package command is the command line: it turns flags and environment variables into
// calls of the service, and wires, serves and drains the server.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"switchboard/db"
	"switchboard/service"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// line is the whole command line.
type line struct {
	Database database `embed:""`
	Logging  logging  `embed:""`
	JSON     bool     `help:"Print machine-readable results." name:"json"`

	Version kong.VersionFlag `help:"Print the version and exit."`

	Serve     serve     `cmd:"" default:"withargs" help:"Bring the database up to date and serve the API (the default)."`
	Migrate   migrate   `cmd:"" help:"Bring the database up to date and say what was done."`
	Workspace workspace `cmd:"" help:"Make workspaces."`
	Agent     agent     `cmd:"" help:"Make agents."`
	Token     token     `cmd:"" help:"Make, list and revoke API tokens."`
	Import    importing `cmd:"" help:"Bring in conversations of the past from JSON lines."`
	Replay    replay    `cmd:"" help:"Play conversations of the past through the API of a running server."`
	Schema    schema    `cmd:"" help:"Print the GraphQL schema, for the tools of client developers. Needs no database."`
}

// console is where a command prints.
type console struct {
	out, err    io.Writer
	json        bool
	interactive bool // somebody looks at err
	log         *slog.Logger
}

// result prints what a command did: as JSON if asked for, else as text.
func (c *console) result(value any, format string, args ...any) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(value)
	}
	_, err := fmt.Fprintf(c.out, format, args...)
	return err
}

// patience is how long a command waits before it says what it waits for.
const patience = 2 * time.Second

// waiting says what a command waits for unless stop is called within its patience.
func (c *console) waiting(what string) (stop func()) {
	timer := time.AfterFunc(patience, func() { c.log.Info("waiting for " + what) })
	return func() { timer.Stop() }
}

// Main runs the command line and gives the exit status.
func Main(args []string, out, errs io.Writer) int {
	var l line
	status := -1
	parser, err := kong.New(&l, kong.Name("switchboard"), kong.Writers(out, errs), kong.Exit(func(code int) { status = code }),
		kong.Description("The backend of a shared team inbox: a GraphQL API with realtime subscriptions."),
		kong.Vars{"version": version()}, kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		panic(err) // the definition above is wrong
	}
	chosen, err := parser.Parse(args)
	switch {
	case status == exitOK: // --help printed all there is to say
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(errs, "switchboard: %v; see switchboard --help\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	c := &console{out: out, err: errs, json: l.JSON, interactive: isTerminal(errs), log: l.Logging.logger(errs)}
	chosen.BindTo(ctx, (*context.Context)(nil))
	if err := chosen.Run(c, &l.Database); err != nil {
		said := explain(err)
		if ctx.Err() != nil {
			said = "interrupted by a signal: " + said
		}
		_, _ = fmt.Fprintf(errs, "switchboard: %s\n", said)
		return exitFailed
	}
	return exitOK
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// explain says what went wrong and what to do next.
func explain(err error) string {
	var known *service.Error
	var refusal *service.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Message
	case errors.As(err, &known):
		return known.Message
	case db.SchemaMissing(err):
		return "the database has no tables yet: run `switchboard migrate` first"
	}
	return err.Error()
}
