package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"switchboard/auth"
	"switchboard/web"
)

// signIn holds the flags for sign-in through identity providers.
type signIn struct {
	OIDC   []issuer `name:"oidc" env:"SWITCHBOARD_OIDC" sep:";" placeholder:"issuer=URL,audience=NAME" help:"Accept the tokens of an identity provider for this audience; may be repeated, and is separated by semicolons in the environment. Further parts: workspace=ID (may be repeated) lets only this workspace use it and links first sign-ins by verified e-mail address; jwks=URL or pem=FILE name its keys, which are otherwise discovered; client=NAME is the audience of its logout tokens. console=ID is the client as which the console signs people in; scope=TEXT and resource=URI are what it asks for."`
	HS256  *issuer  `name:"hs256" env:"SWITCHBOARD_HS256" placeholder:"issuer=NAME,audience=NAME" help:"Accept tokens that a backend of yours signs with the secret in SWITCHBOARD_HS256_SECRET or in a file."`
	Secret string   `name:"hs256-secret-file" env:"SWITCHBOARD_HS256_SECRET_FILE" placeholder:"FILE" help:"File with the secret of --hs256: at least 32 bytes."`
}

// secretVariable is the environment variable with the secret of --hs256. There is no flag for it,
// because other users of a machine can read the flags of a process.
const secretVariable = "SWITCHBOARD_HS256_SECRET"

// issuer is the value of --oidc and --hs256.
type issuer struct {
	auth.IssuerOptions
	file string // of PEM
}

// UnmarshalText parses a list such as issuer=https://login.example,audience=switchboard.
func (i *issuer) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name == "workspace" && value != "" {
			i.Workspaces = append(i.Workspaces, value)
			continue
		}
		field := map[string]*string{
			"issuer": &i.URL, "audience": &i.Audience, "client": &i.Client, "jwks": &i.JWKS, "pem": &i.file,
			"console": &i.Console, "scope": &i.Scope, "resource": &i.Resource,
		}[name]
		switch {
		case field == nil || value == "":
			return fmt.Errorf("%q is not understood; write it like issuer=https://login.example,audience=switchboard,workspace=ws_…", part)
		case *field != "":
			return fmt.Errorf("%s is given twice", name)
		}
		*field = value
	}
	return nil
}

// issuers returns the issuers of the flags. An error says why it would be unsafe to start.
func (s signIn) issuers() (*auth.Issuers, error) {
	var all []auth.IssuerOptions
	for _, one := range s.OIDC {
		if one.file != "" {
			text, err := os.ReadFile(one.file)
			if err != nil {
				return nil, fmt.Errorf("--oidc: %w", err)
			}
			one.PEM = text
		}
		all = append(all, one.IssuerOptions)
	}
	secret, err := s.secret()
	switch {
	case err != nil:
		return nil, err
	case s.HS256 == nil && secret != nil:
		return nil, errors.New("there is a secret for HS256 but no issuer: name it and its audience with --hs256")
	case s.HS256 != nil && secret == nil:
		return nil, fmt.Errorf("--hs256 needs a secret, in %s or --hs256-secret-file", secretVariable)
	case s.HS256 != nil && (s.HS256.JWKS != "" || s.HS256.file != ""):
		return nil, errors.New("--hs256 has no public keys: an issuer signs either with a secret or with keys, see --oidc")
	case s.HS256 != nil:
		one := s.HS256.IssuerOptions
		one.Secret = secret
		all = append(all, one)
	}
	list, err := auth.NewIssuers(all)
	if err != nil {
		return nil, fmt.Errorf("--oidc or --hs256: %w", err)
	}
	return list, nil
}

// secret returns the secret of --hs256, or nil if none is given.
func (s signIn) secret() ([]byte, error) {
	text, isGiven := os.LookupEnv(secretVariable)
	switch {
	case isGiven && s.Secret != "":
		return nil, fmt.Errorf("the secret of HS256 is given twice: in %s and in a file", secretVariable)
	case isGiven:
		return []byte(text), nil
	case s.Secret == "":
		return nil, nil
	}
	secret, err := os.ReadFile(s.Secret)
	if err != nil {
		return nil, fmt.Errorf("--hs256-secret-file: %w", err)
	}
	return bytes.TrimRight(secret, "\r\n"), nil
}

// consoleSignIn returns how people can sign in to the console.
func consoleSignIn(clients []auth.Client, development bool) web.SignIn {
	s := web.SignIn{Development: development}
	for _, c := range clients {
		token := "access_token"
		if c.SendsID {
			token = "id_token"
		}
		s.Issuers = append(s.Issuers, web.Issuer{
			URL: c.Issuer, ClientID: c.ID, Scope: c.Scope, Resource: c.Resource, Token: token,
			Authorization: c.Authorization, TokenEndpoint: c.Token, EndSession: c.EndSession,
		})
	}
	return s
}
