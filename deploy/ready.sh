#!/bin/bash
# ready.sh PORT PATH: whether http://127.0.0.1:PORT/PATH answers 200, for images without curl.
exec 3<> "/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
read -r _ status _ <&3
[ "$status" = 200 ]
