#!/usr/bin/env python3
"""Two softphone accounts on PJSUA2: Alice publishes, Bob has her on his buddy list and must see every change.

Usage: presence.py HOST:PORT     (users alice and bob of example.com, with their passwords below)
"""

import sys
import time

try:
    import pjsua2 as pj
except ImportError:  # the wheel keeps the module inside its package
    from pjsua2 import pjsua2 as pj

PATIENCE = 15  # seconds for one change to arrive; it takes milliseconds unless something is wrong


class Buddy(pj.Buddy):
    """Keeps what was seen of one buddy."""

    def __init__(self):
        super().__init__()
        self.seen = (None, None, "")
        self.subscription = None

    def onBuddyState(self):
        info = self.getInfo()
        status = info.presStatus
        self.subscription = info.subState
        self.seen = (status.status, status.activity, status.note)
        print(f"buddy: {info.uri} subscription={info.subStateName!r} status={status.status} "
              f"activity={status.activity} note={status.note!r} term={info.subTermReason!r}", flush=True)


def account_config(user, password, server, publish):
    config = pj.AccountConfig()
    config.idUri = f"sip:{user}@example.com"
    config.regConfig.registerOnAdd = False
    config.sipConfig.proxies.append(f"sip:{server};lr")
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    config.presConfig.publishEnabled = publish
    return config


def set_presence(account, status, activity=pj.PJRPID_ACTIVITY_UNKNOWN, note=""):
    presence = pj.PresenceStatus()
    presence.status = status
    presence.activity = activity
    presence.note = note
    account.setOnlineStatus(presence)


def wait(endpoint, what, condition):
    """Lets the library work until the condition holds; fails loudly if it never does."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise SystemExit(f"FAILED: {what}")
        endpoint.libHandleEvents(20)
    print(f"passed: {what}", flush=True)


def run(endpoint, server):
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()

    alice, bob = pj.Account(), pj.Account()
    alice.create(account_config("alice", "wonderland", server, publish=True))
    bob.create(account_config("bob", "builder", server, publish=False), True)
    set_presence(alice, pj.PJSUA_BUDDY_STATUS_ONLINE)

    buddy = Buddy()
    config = pj.BuddyConfig()
    config.uri = "sip:alice@example.com"
    config.subscribe = True
    buddy.create(bob, config)

    active = pj.PJSIP_EVSUB_STATE_ACTIVE
    online, offline = pj.PJSUA_BUDDY_STATUS_ONLINE, pj.PJSUA_BUDDY_STATUS_OFFLINE
    wait(endpoint, "the subscription is active", lambda: buddy.subscription == active)
    wait(endpoint, "Alice is seen online", lambda: buddy.seen[0] == online)
    set_presence(alice, online, pj.PJRPID_ACTIVITY_BUSY, "In a meeting")
    wait(endpoint, "Alice is seen busy",
         lambda: buddy.seen[0] == online and buddy.seen[1] == pj.PJRPID_ACTIVITY_BUSY)
    set_presence(alice, online, pj.PJRPID_ACTIVITY_AWAY, "Out for lunch")
    wait(endpoint, "Alice is seen away", lambda: buddy.seen[1] == pj.PJRPID_ACTIVITY_AWAY)
    set_presence(alice, offline)
    wait(endpoint, "Alice is seen offline", lambda: buddy.seen[0] == offline)
    set_presence(alice, online)
    wait(endpoint, "Alice is seen online again", lambda: buddy.seen[0] == online)
    buddy.subscribePresence(False)
    wait(endpoint, "the subscription has ended", lambda: buddy.subscription != active)
    alice.shutdown()
    bob.shutdown()


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = 4 if "-v" in sys.argv else 3
    config.logConfig.consoleLevel = config.logConfig.level
    endpoint.libInit(config)
    try:
        run(endpoint, sys.argv[1])
        print("done", flush=True)
    finally:
        endpoint.libDestroy()


if __name__ == "__main__":
    main()
