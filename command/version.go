package command

import (
	"fmt"
	"runtime/debug"
)

// version returns the module's version, which `go build` derives from the repository's tags and
// commits, or the commit if there is no version.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "switchboard, built without version information"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return fmt.Sprintf("switchboard %s (%s)", v, info.GoVersion)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := "switchboard, development version"
	if commit := settings["vcs.revision"]; commit != "" {
		text += ", commit " + commit
	}
	if settings["vcs.modified"] == "true" {
		text += " with changes"
	}
	return fmt.Sprintf("%s (%s)", text, info.GoVersion)
}
