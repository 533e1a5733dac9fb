// Package auth checks the credentials of requests. It stores nothing and knows
// no request.
package auth
