# SPDX-License-Identifier: GPL-2.0-only
"""
Runs a list of client/server programs between two nodes, one of us on each: a
pair costs no more time than its two programs.

run_pairs.py server PORT COMMANDS        COMMANDS is a JSON list; PORT is ours,
run_pairs.py HOST PORT COMMANDS          the programs' own is 18515

The client's command has the server's name added. Prints a JSON list, for each
command its status, what it printed and the seconds it took; null if it was not
run: on the client, where the server refused to start; on both, after a pair
that hung (its status is "hung").
"""

import json
import shlex
import socket
import subprocess
import sys
import time

PROGRAM_PORT = 18515
HUNG = 40           # seconds after which a pair hangs


def start(command):
    return subprocess.Popen(shlex.split(command), text=True, errors="replace",
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def finish(process, begin):
    """The outcome of a process. Its errors come last: perftest's would else
    stand in the middle of a row."""
    try:
        output, errors = process.communicate(timeout=HUNG)
        status = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        status = "hung"
    return {"status": status, "output": output + errors,
            "seconds": round(time.monotonic() - begin, 2)}


def listens():
    """Whether some process of this node listens on the programs' port."""
    line = ":%04X 0" % PROGRAM_PORT
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path, encoding="ascii") as f:
            if any(line in entry and " 0A " in entry for entry in f):
                return True
    return False


def serve(port, commands):
    """Tell the client for each command whether the program listens."""
    with socket.create_server(("", port)) as listener:
        listener.settimeout(HUNG)
        peer, _ = listener.accept()
    outcomes = []
    for command in commands:
        begin = time.monotonic()
        process = start(command)
        while process.poll() is None and not listens():
            time.sleep(0.01)
        peer.sendall(b"-" if process.poll() is not None else b"+")
        outcomes.append(finish(process, begin))
        if outcomes[-1]["status"] == "hung":
            break
    return outcomes


def connect(host, port):
    """The server, once it is there."""
    deadline = time.monotonic() + HUNG
    while True:
        try:
            return socket.create_connection((host, port))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def client(host, port, commands):
    peer = connect(host, port)
    outcomes = []
    for command in commands:
        word = peer.recv(1)
        if not word:
            break
        if word == b"-":
            outcomes.append(None)
            continue
        begin = time.monotonic()
        outcomes.append(finish(start("%s %s" % (command, host)), begin))
        if outcomes[-1]["status"] == "hung":
            break
    return outcomes


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    commands = json.loads(sys.argv[3])
    if host == "server":
        outcomes = serve(port, commands)
    else:
        outcomes = client(host, port, commands)
    print(json.dumps(outcomes + [None] * (len(commands) - len(outcomes))))


if __name__ == "__main__":
    main()
