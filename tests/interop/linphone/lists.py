"""Linphone subscribes to a list of its own: python3 lists.py SERVER ROLLCALL

RFC 5367 with what Linphone makes of it: the list is packed (deflate), and the account asks for a password. The client's
own log tells what it sent and got: the full state, then a change, then the end.

Linphone 5.1 answers all this, but shows no state: it takes NOTIFYs for its lists only if their Event field says
`Presence`, while RFC 6665 has a NOTIFY repeat the `presence` of the client's SUBSCRIBE.
"""

import os
import subprocess
import sys
import tempfile
import time

SERVER, ROLLCALL = sys.argv[1], sys.argv[2]
LONGEST = 30

CONFIGURATION = f"""[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
use_ipv6=0
default_proxy=0
rls_uri=sip:rls@example.com
subscribe_presence_only_when_registered=0
[video]
enabled=0
capture=0
display=0
[proxy_0]
reg_proxy=<sip:{SERVER};transport=tcp>
reg_route=<sip:{SERVER};transport=tcp>
reg_identity=sip:bob@example.com
reg_sendregister=0
publish=0
[auth_info_0]
username=bob
passwd=builder
realm=example.com
[friend_0]
url=<sip:alice@example.com>
pol=accept
subscribe=1
[friend_1]
url=<sip:carol@example.com>
pol=accept
subscribe=1
"""


def main():
    with tempfile.TemporaryDirectory() as home:
        os.makedirs(os.path.join(home, ".local/share/linphone"))
        configuration = os.path.join(home, "linphonerc")
        with open(configuration, "w") as file:
            file.write(CONFIGURATION)
        log = os.path.join(home, "log")
        client = subprocess.Popen(
            ["linphonec", "-c", configuration, "-d", "6", "-l", log],
            env={**os.environ, "HOME": home},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            follow(client, log)
        finally:
            client.kill()
            client.wait()


def follow(client, log):
    said = lambda: open(log, errors="replace").read() if os.path.exists(log) else ""
    wait(said, "the list, packed and with a proof", lambda text: (
        "Content-Encoding: deflate" in text
        and "Require: recipient-list-subscribe" in text
        and "Authorization:" in text
    ))
    wait(said, "the subscription to be active", lambda text: "LinphoneSubscriptionActive" in text)
    wait(said, "the full state, and its answer", lambda text: (
        'version="0" fullState="true"' in text
        and all(f'<resource uri="sip:{name}@example.com">' in text for name in ("alice", "carol"))
        and answered(text) >= 1
    ))
    publish = [ROLLCALL, "publish", "alice@example.com", "--status", "open", "--note", "at the gate", "--once"]
    subprocess.run(publish + ["--server", SERVER, "--password", "wonderland"], check=True, stdout=subprocess.DEVNULL)
    wait(said, "the change, and its answer", lambda text: (
        'version="1" fullState="false"' in text and "at the gate" in text and answered(text) >= 2
    ))
    client.stdin.write(b"quit\n")
    client.stdin.flush()
    wait(said, "the end of the subscription", lambda text: (
        "Expires: 0" in text and "LinphoneSubscriptionTerminated" in text
    ))


def answered(text):
    """How many NOTIFYs the client has answered with 200."""
    answers = text.split("SIP/2.0 200 Ok")[1:]
    return sum(" NOTIFY" in answer.split("\n\n")[0] for answer in answers)


def wait(said, what, holds):
    limit = time.monotonic() + LONGEST
    while not holds(said()):
        if time.monotonic() > limit:
            sys.exit(f"waited in vain for {what}; the client's log ends:\n{said()[-4000:]}")
        time.sleep(0.1)
    print(f"seen: {what}")


main()
