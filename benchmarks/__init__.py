"""How fast this library is beside its peers: `python -m benchmarks` (`--help` says more, `--list` what there
is).

Servers are loaded with `wrk`, each in a process of its own; clients each in a process of their own against
one server. Whatever is compared runs in turns in the same run, because a ratio is worth something where a
number of requests/s from another machine or another day is not. `pip install -e '.[bench]'` brings the peers;
what is missing is skipped, visibly.

    servers/, clients/   the programs, as a user of each library would write them
    peers.py             which there are, how they are started, what they must not be asked for
    loads.py             what servers are loaded with
    workloads.py, idle.py, growth.py, imports.py    what is measured
    process.py, wrk.py, probe.py, clients/loop.py   how
    check.py             whether the answers are right
    report.py, readme.py the tables: on the terminal, and in README.rst (`--table`)
"""
