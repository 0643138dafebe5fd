package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// secretFile resolves a flag from the file that a variable with the ending _FILE names, such as
// DATABASE_URL_FILE for DATABASE_URL. Secrets in files are not seen by other processes and are not
// given on to children.
func secretFile(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		path := os.Getenv(name + "_FILE")
		if path == "" {
			continue
		}
		if os.Getenv(name) != "" {
			return nil, fmt.Errorf("set %s or %[1]s_FILE, not both", name)
		}
		text, err := os.ReadFile(path)
		var located *os.PathError
		switch {
		case errors.As(err, &located):
			return nil, fmt.Errorf("%s_FILE: %s: %w", name, path, located.Err)
		case err != nil:
			return nil, fmt.Errorf("%s_FILE: %w", name, err)
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	return nil, nil
}
