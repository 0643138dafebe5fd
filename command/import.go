package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"switchboard/db"
	"switchboard/service/history"
)

// importing brings in conversations of the past.
type importing struct {
	File      string `arg:"" help:"Conversations as JSON lines; docs/operations.md shows one."`
	Workspace string `required:"" placeholder:"ID" help:"The workspace to import them into."`
	Channel   string `default:"twitter" help:"The channel on which they took place."`
}

// openRecords opens a file of conversations. Its errors are complete messages for the user.
func openRecords(name string) (*os.File, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s: name one with a conversation as JSON on each line", name)
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name a file with a conversation as JSON on each line", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", err)
	}
	return file, nil
}

// Run imports the file. It skips bad lines and lists them. An interrupted import can be run
// again: conversations that were imported before are recognized and left as they are.
func (i importing) Run(ctx context.Context, c *console, d *database) error {
	file, err := openRecords(i.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	records, problems, err := history.Read(file)
	if err != nil {
		return fmt.Errorf("cannot import %s: %w", i.File, err)
	}
	return d.inWorkspace(ctx, c, i.Workspace, func(b *backend, w *db.Workspace) error {
		bar := c.progress(len(records), "importing")
		result, err := history.Import(ctx, b.service.Service, w.Key, i.Channel, records, func(done int) { _ = bar.Set(done) })
		if err != nil {
			return fmt.Errorf("the import stopped: %s; run it again to continue, nothing is imported twice", explain(err))
		}
		return c.importResult(result, append(problems, result.Problems...))
	})
}

// progress returns a progress bar, which is shown only in a terminal.
func (c *console) progress(of int, doing string) *progressbar.ProgressBar {
	return progressbar.NewOptions(of, progressbar.OptionSetWriter(c.err), progressbar.OptionSetDescription(doing),
		progressbar.OptionShowCount(), progressbar.OptionSetVisibility(c.interactive && of > 0), progressbar.OptionClearOnFinish())
}

// importResult prints the result of an import, with the skipped lines in the file's order. It
// returns an error if lines were skipped and no conversation of the file is in the workspace.
func (c *console) importResult(r history.Result, problems []history.Problem) error {
	slices.SortStableFunc(problems, func(a, b history.Problem) int { return cmp.Compare(a.Line, b.Line) })
	named := []map[string]any{}
	var text strings.Builder
	fmt.Fprintf(&text, "Brought in %s with %s; made %s and %s.\n", counted(r.Added, "conversation", "conversations"),
		counted(r.Messages, "message", "messages"), counted(r.Contacts, "contact", "contacts"), counted(r.Agents, "agent", "agents"))
	if r.Known > 0 {
		fmt.Fprintf(&text, "Already there: %s.\n", counted(r.Known, "conversation", "conversations"))
	}
	if len(problems) > 0 {
		fmt.Fprintf(&text, "Skipped %s:\n", counted(len(problems), "line", "lines"))
	}
	for _, p := range problems {
		named = append(named, map[string]any{"line": p.Line, "message": p.Message})
		fmt.Fprintf(&text, "  line %d: %s\n", p.Line, p.Message)
	}
	err := c.result(map[string]any{
		"added": r.Added, "known": r.Known, "messages": r.Messages, "contacts": r.Contacts, "agents": r.Agents, "problems": named,
	}, "%s", text.String())
	if err == nil && r.Added+r.Known == 0 && len(problems) > 0 {
		err = errors.New("nothing was brought in: mend the lines named above and import again")
	}
	return err
}
