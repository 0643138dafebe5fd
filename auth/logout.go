package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"switchboard/service"
)

const (
	logoutLimit  = 16 << 10            // bytes of the body of a logout request
	signOutsKept = 90 * 24 * time.Hour // for which tokens that were issued before are refused
)

// Logout is the endpoint that an issuer calls when a person signs out there (OpenID Connect
// Back-Channel Logout 1.0): a POST form with a logout_token. The tokens of the session end on every
// server within two seconds; without a session, all tokens that were issued to the person until then.
func (a *Authenticator) Logout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, logoutLimit)
	if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
		refuseLogout(w, unauthenticated("send one logout_token in a form (application/x-www-form-urlencoded)"))
		return
	}
	c, err := a.readSigned(r.Context(), r.PostForm.Get("logout_token"), IssuerOptions.client, "", "jwt", "logout+jwt")
	if err == nil {
		err = c.checkLogout()
	}
	if err == nil {
		err = a.db.SignOut(r.Context(), c.signIn)
	}
	if err != nil {
		a.log.InfoContext(r.Context(), "a logout was refused", "error", err)
		refuseLogout(w, err)
		return
	}
	// Recalled callers do not know their tokens; after a logout each is looked up once more.
	a.forget(func(service.Actor) bool { return true })
}

// forgetSignOuts removes old sign-outs: the tokens that they end have expired long ago.
func (a *Authenticator) forgetSignOuts(ctx context.Context) {
	if err := a.db.ForgetSignOuts(ctx, a.Now().Add(-signOutsKept)); err != nil && ctx.Err() == nil {
		a.log.Warn("removing old sign-outs failed; trying again", "error", err)
	}
}

func (o IssuerOptions) client() string {
	if o.Client != "" {
		return o.Client
	}
	return o.Audience
}

// checkLogout refuses a token that does not report a logout: OpenID Connect Back-Channel Logout 1.0,
// section 2.6. A repeated one is accepted, since it ends nothing that began after the first.
func (c *claims) checkLogout() error {
	switch {
	case !c.isLogout:
		return unauthenticated("the token's events do not report a logout")
	case c.hasNonce:
		return unauthenticated("the token has a nonce, so it is not one that reports a logout")
	case !c.hasID || c.signIn.At.IsZero():
		return unauthenticated("the token has no jti or no iat")
	case c.signIn.Subject == "" && c.signIn.Session == "":
		return unauthenticated("the token has neither sub nor sid")
	}
	return nil
}

// refuseLogout answers as section 2.8 requires, or with 503 if the issuer should try again.
func refuseLogout(w http.ResponseWriter, err error) {
	status, known := http.StatusServiceUnavailable, &service.Error{Message: "try again"}
	if errors.As(err, &known) && known.Code == service.Unauthenticated {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": known.Message})
}
