package command

import (
	"runtime/debug"
	"testing"
)

func TestVersionOfABuild(t *testing.T) {
	t.Parallel()
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "349cbc3"}, {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]*debug.BuildInfo{
		"switchboard v1.2.3 (go1.26)":                                            {GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}, Settings: commit},
		"switchboard, development version, commit 349cbc3 with changes (go1.26)": {GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}, Settings: commit},
		"switchboard, development version (go1.26)":                              {GoVersion: "go1.26"},
	} {
		if got := versionOf(info); got != want {
			t.Errorf("the version is %q, not %q", got, want)
		}
	}
}
