package command

import (
	"io"
	"log/slog"
)

// logging holds the flags for the level and the format of the log.
type logging struct {
	Level  string `name:"log-level" env:"SWITCHBOARD_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least serious messages to log: debug, info, warn or error."`
	Format string `name:"log-format" env:"SWITCHBOARD_LOG_FORMAT" enum:"text,json" default:"text" help:"Form of the log: text, or json with one object per line."`
}

// logger returns a logger that writes to w.
func (l logging) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		panic(err) // the flag's enum allows only names of levels
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
