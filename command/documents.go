package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"switchboard/graph"
)

// trustedDocuments reads the manifest of trusted documents.
type trustedDocuments struct {
	file string // empty: there is none
	log  *slog.Logger
}

// documentsMode returns what becomes of documents that are not trusted.
func (s serve) documentsMode() graph.DocumentsMode {
	if s.Documents == "" {
		return ""
	}
	return s.DocumentsMode
}

// load makes the documents of the manifest the trusted ones.
func (d trustedDocuments) load(api *graph.Handler) error {
	if d.file == "" {
		return nil
	}
	manifest, err := os.ReadFile(d.file)
	if err != nil {
		return fmt.Errorf("the manifest of trusted documents cannot be read: %w; give --documents another file", err)
	}
	all, err := graph.ParseDocuments(manifest)
	if err == nil {
		err = api.Trust(all)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; write the manifest anew", d.file, err)
	}
	d.log.Info("trusted documents were read", "file", d.file, "documents", len(all))
	return nil
}

// reload loads the manifest again whenever the process is asked to, until ctx ends. If it is
// refused the documents from before stay.
func (d trustedDocuments) reload(ctx context.Context, api *graph.Handler) {
	if d.file == "" || len(reloadSignals) == 0 {
		return
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, reloadSignals...)
	defer signal.Stop(asked)
	for {
		select {
		case <-asked:
			if err := d.load(api); err != nil {
				d.log.Error("the trusted documents stay as they were", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
