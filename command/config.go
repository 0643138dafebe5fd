package command

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// A configFile resolves flags from the TOML file that --config or SWITCHBOARD_CONFIG names. Its
// keys are the names of flags. Flags and environment variables take precedence.
type configFile struct {
	path   string
	values map[string]any
}

const configVariable = "SWITCHBOARD_CONFIG"

// Validate implements kong.Resolver.
func (f *configFile) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (f *configFile) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if err := f.load(ctx); err != nil || f.values == nil || slices.ContainsFunc(flag.Envs, isSet) {
		return nil, err
	}
	return f.values[flag.Name], nil
}

func isSet(variable string) bool {
	_, set := os.LookupEnv(variable)
	return set
}

// load reads the file, unless it was read before.
func (f *configFile) load(ctx *kong.Context) error {
	path := os.Getenv(configVariable)
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Name == "config" && !p.Resolved {
			path = fmt.Sprint(ctx.FlagValue(p.Flag))
		}
	}
	if path == "" || path == f.path {
		return nil
	}
	values := map[string]any{}
	if _, err := toml.DecodeFile(path, &values); err != nil {
		return fmt.Errorf("cannot read the configuration: %w", err)
	}
	known := flagNames(ctx.Model.Node)
	for key := range values {
		if !slices.Contains(known, key) || key == "config" {
			return fmt.Errorf("%s: there is no setting %q; the keys are the names of flags without their dashes, such as database-url", path, key)
		}
	}
	f.path, f.values = path, values
	return nil
}

// flagNames returns the names of the flags of a command and of those below it.
func flagNames(n *kong.Node) (names []string) {
	for _, flag := range n.Flags {
		names = append(names, flag.Name)
	}
	for _, child := range n.Children {
		names = append(names, flagNames(child)...)
	}
	return names
}

// config prints the settings in force.
type config struct {
	Serve serve `embed:""`
}

// A setting is the value of a flag and where it comes from.
type setting struct {
	Name   string `json:"name"`
	Value  any    `json:"value"` // null: not set
	Source string `json:"source"`
}

// Run prints what serve would use, in the form of a configuration file. Passwords are hidden.
func (config) Run(ctx *kong.Context, c *console) error {
	var settings []setting
	text := ""
	for _, flag := range ctx.Flags() {
		if slices.Contains([]string{"help", "version", "json", "config"}, flag.Name) {
			continue
		}
		s := setting{flag.Name, shown(flag), sourceOf(ctx, flag)}
		settings = append(settings, s)
		if s.Value == nil {
			text += fmt.Sprintf("# %s is not set\n", s.Name)
			continue
		}
		value, err := json.Marshal(s.Value) // strings, numbers and lists have the same form in TOML
		if err != nil {
			return err
		}
		text += fmt.Sprintf("%s = %s # %s\n", s.Name, value, s.Source)
	}
	return c.result(settings, "%s", text)
}

// sourceOf returns where the value of a flag comes from.
func sourceOf(ctx *kong.Context, flag *kong.Flag) string {
	for _, p := range ctx.Path {
		if p.Flag == flag && p.Resolved {
			return "file"
		} else if p.Flag == flag {
			return "flag"
		}
	}
	if slices.ContainsFunc(flag.Envs, isSet) {
		return "environment"
	}
	return "default"
}

// shown returns the value of a flag as it may be shown; nil if it is not set.
func shown(flag *kong.Flag) any {
	value := flag.Target
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	if value.IsZero() && value.Kind() != reflect.Bool && value.Kind() != reflect.Int64 {
		return nil
	}
	if value.Kind() == reflect.Bool {
		return value.Bool()
	}
	if value.Kind() == reflect.Slice {
		var all []string
		for i := range value.Len() {
			all = append(all, fmt.Sprint(value.Index(i).Interface()))
		}
		return all
	}
	return withoutPassword(fmt.Sprint(value.Interface()))
}

var passwordParameter = regexp.MustCompile(`(?i)((?:ssl)?password)=('(?:[^'\\]|\\.)*'|[^&\s]*)`)

// withoutPassword returns a setting, which may be several URLs, with passwords hidden.
func withoutPassword(text string) string {
	parts := strings.Split(text, ",")
	for i, part := range parts {
		if u, err := url.Parse(part); err == nil && u.User != nil {
			parts[i] = u.Redacted()
		} else if at := strings.LastIndex(part, "@"); at >= 0 && strings.Contains(part, "://") {
			parts[i] = part[:strings.Index(part, "://")+3] + "xxxxx" + part[at:] // not a URL, so hide all before the host
		}
	}
	return passwordParameter.ReplaceAllString(strings.Join(parts, ","), "$1=xxxxx")
}
