# A test authority, a certificate of it for vybe.localhost, and a master key.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 90 \
    -subj "/CN=Test authority" -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj "/CN=vybe.localhost"
printf '%s\n' "subjectAltName=DNS:vybe.localhost,DNS:*.vybe.localhost" "keyUsage=critical,digitalSignature" \
    "extendedKeyUsage=serverAuth" "basicConstraints=CA:FALSE" > extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 60 -extfile extensions -out own.pem
cat own.pem ca.pem > chain.pem
(umask 077 && openssl rand -base64 32 > master-key)
