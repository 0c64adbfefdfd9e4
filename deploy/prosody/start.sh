# What the Prosody image runs: a certificate and a first user where the volumes have none yet, then the server.
# DOMAIN, FIRST_USER and FIRST_PASSWORD come from deploy/compose.yaml. The key stays in Prosody's own volume, the
# certificate goes where the service finds it.
set -eu
umask 077
key=/var/lib/prosody/domain.key
certificate=/certificates/domain.crt

if [ ! -e "$key" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout "$key.new" -out "$certificate" \
    -subj "/CN=$DOMAIN" -addext "subjectAltName=DNS:$DOMAIN"
  chmod 644 "$certificate"
  mv "$key.new" "$key"
fi
if [ ! -e /var/lib/prosody/first-user ]; then
  # By a pipe: every process of the machine can read the command line of another.
  printf '%s\n' "$FIRST_PASSWORD" "$FIRST_PASSWORD" | prosodyctl adduser "$FIRST_USER@$DOMAIN"
  touch /var/lib/prosody/first-user
fi
exec prosody -F
