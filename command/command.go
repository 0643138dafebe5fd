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
	"strconv"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"switchboard/db"
	"switchboard/service"
)

// Exit statuses of the program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commandLine holds the flags and commands of the program.
type commandLine struct {
	Database database `embed:""`
	Logging  logging  `embed:""`
	Config   string   `name:"config" env:"SWITCHBOARD_CONFIG" placeholder:"FILE" help:"TOML file with settings: the names of flags and their values. Flags and environment variables take precedence."`
	JSON     bool     `help:"Print machine-readable results." name:"json"`

	Version kong.VersionFlag `help:"Print the version and exit."`

	Serve     serve     `cmd:"" default:"withargs" help:"Bring the database up to date and serve the API (the default)."`
	Migrate   migrate   `cmd:"" help:"Bring the database up to date and list the migrations that were applied."`
	Workspace workspace `cmd:"" help:"Create and list workspaces."`
	Agent     agent     `cmd:"" help:"Create agents."`
	Token     token     `cmd:"" help:"Create, list and revoke API tokens."`
	Import    importing `cmd:"" help:"Import past conversations from JSON lines."`
	Replay    replay    `cmd:"" help:"Play past conversations through the API of a running server."`
	Doctor    doctor    `cmd:"" help:"Examine the database, and say what to do about what is not well."`
	Settings  config    `cmd:"" name:"config" help:"Print the settings that serve would use, and where each comes from; passwords are hidden. Needs no database."`
	Schema    schema    `cmd:"" help:"Print the GraphQL schema, for the tools of client developers. Needs no database."`
}

// console is a command's output: results go to out, everything else to err.
type console struct {
	out, err    io.Writer
	json        bool
	interactive bool // whether err is a terminal
	log         *slog.Logger
	level       *slog.LevelVar // of log
}

// result prints the result of a command: value as JSON with --json, otherwise the text.
func (c *console) result(value any, format string, args ...any) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(value)
	}
	_, err := fmt.Fprintf(c.out, format, args...)
	return err
}

// counted returns a number with its noun, such as "1 message" or "2 messages".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// patience is how long a command waits silently before it logs what it is waiting for.
const patience = 2 * time.Second

// waiting logs what a command is waiting for, unless stop is called before patience is over.
func (c *console) waiting(what string) (stop func()) {
	timer := time.AfterFunc(patience, func() { c.log.Info("waiting for " + what) })
	return func() { timer.Stop() }
}

// Main runs the command that args name and returns the exit status.
func Main(args []string, out, errs io.Writer) int {
	var l commandLine
	status := -1
	parser, err := kong.New(&l, kong.Name("switchboard"), kong.Writers(out, errs), kong.Exit(func(code int) { status = code }),
		kong.Description("The backend of a shared team inbox: a GraphQL API with realtime subscriptions."),
		kong.Vars{"version": version(), "rate": strconv.Itoa(defaultRate)}, kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(&configFile{}, kong.ResolverFunc(secretFile))) // the last one that knows a flag wins
	if err != nil {
		panic(err) // a struct tag of commandLine is wrong
	}
	chosen, err := parser.Parse(args)
	switch {
	case status == exitOK: // --help or --version, which have printed their text
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(errs, "switchboard: %v; see switchboard --help\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	level := l.Logging.level()
	c := &console{out: out, err: errs, json: l.JSON, interactive: isTerminal(errs), log: l.Logging.logger(errs, level), level: level}
	chosen.BindTo(ctx, (*context.Context)(nil))
	if err := chosen.Run(c, &l.Database); err != nil {
		message := explain(err)
		if ctx.Err() != nil {
			message = "interrupted by a signal: " + message
		}
		_, _ = fmt.Fprintf(errs, "switchboard: %s\n", message)
		if errors.As(err, &usageError{}) {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

// A usageError reports flags with which a command must not run.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// explain returns the message for an error: what is wrong and what to do next.
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
