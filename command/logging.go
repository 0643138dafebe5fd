package command

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
)

// logging holds the flags for the level and the format of the log.
type logging struct {
	Level  string `name:"log-level" env:"SWITCHBOARD_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least serious messages to log: debug, info, warn or error."`
	Format string `name:"log-format" env:"SWITCHBOARD_LOG_FORMAT" enum:"text,json" default:"text" help:"Form of the log: text, or json with one object per line."`
}

// level returns the level of the flag, which can be changed while the program runs.
func (l logging) level() *slog.LevelVar {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		panic(err) // the flag's enum allows only names of levels
	}
	return level
}

// toggleDebug changes the level of the log to debug and back with each signal, until ctx ends.
func (c *console) toggleDebug(ctx context.Context) {
	if levelSignal == nil {
		return
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, levelSignal)
	defer signal.Stop(asked)
	for usual := c.level.Level(); ; {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		}
		next := slog.LevelDebug
		if c.level.Level() == slog.LevelDebug {
			next = usual
		}
		c.level.Set(next)
		c.log.Warn("the level of the log was changed by a signal", "to", next.String())
	}
}

// logger returns a logger that writes to w from a level on.
func (l logging) logger(w io.Writer, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
