# The Prosody image runs this script. It makes a certificate and a first user if the volumes have none yet, and starts
# the server. DOMAIN, FIRST_USER and FIRST_PASSWORD come from deploy/compose.yaml. The key stays in Prosody's own
# volume. The certificate is in the volume that the service can read.
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
  # The password goes through a pipe, because every process of the machine can read the command line of another.
  printf '%s\n' "$FIRST_PASSWORD" "$FIRST_PASSWORD" | prosodyctl adduser "$FIRST_USER@$DOMAIN"
  touch /var/lib/prosody/first-user
fi
exec prosody -F
