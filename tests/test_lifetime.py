"""When a process ends. Programs that have nothing to do with each other run beside each other."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from program_tools import Outcome, Program, beside, run_script, script

HEAD = """
import atexit, os, signal, socket, sys, threading, time
import nodehttp
from nodehttp import lifetime, threadpool, timers
from nodehttp.threadpool import (
    Strand, Waiter, blocking, call_user, configure, monitor, next_tick, pool, run, watch)

ours, theirs = os.pipe()

def listen():
    # Open something that never ends.
    with monitor:
        opened = watch(ours, lambda: None, lambda: None)
        opened.want(True, False)
    return opened

def say(*words):
    print(' '.join(map(str, words)) + '\\n', end='', flush=True)  # in one piece
"""


def results(*scripts: str) -> list[Outcome]:
    """Run programs, which have the names above, beside each other."""
    return beside(run_script, (HEAD + text for text in scripts))


def interrupted(*scripts: str) -> list[Outcome]:
    """The same with programs that say 'ready', and then get a Ctrl-C."""
    def run(text: str) -> Outcome:
        with script(HEAD + text) as program:
            assert program.read_line() == 'ready\n'
            return program.interrupt()

    return beside(run, scripts)


# As long as something is open

IN_A_THREAD = 'thread = threading.Thread(target=lambda: {}, daemon={}); thread.start(); thread.join()'


def test_a_process_lives_as_long_as_something_is_open() -> None:
    assert results(
        "timers.setTimeout(say, 50, 'timer')",
        "timers.setImmediate(say, 'immediate')",
        "timers.nextTick(say, 'tick')",
        "timers.setTimeout(say, 5000, 'never').unref()",
        "timers.setTimeout(say, 20, 'again').unref().ref()",
        "interval = timers.setInterval(lambda: (say('beat'), interval.close()), 20)",
        "with monitor: threadpool.submit(lambda: time.sleep(0.05), lambda error, result: say('job'))",
        "timers.nextTick(lambda: (time.sleep(0.05), say('long tick')))",
        "timers.setTimeout(lambda: (timers.sleep(30), say('slept')), 1)",
        """
def callback():
    with blocking():
        time.sleep(0.03)
    say('after blocking')
timers.setTimeout(callback, 1)
""",
        """
strand = Strand()
with monitor:
    threadpool.hold(strand)
    next_tick(call_user, say, 'held back', strand=strand)
""",
        "timers.setTimeout(lambda: Waiter().wait(), 1); say('nothing will ever come')",
        IN_A_THREAD.format("timers.setTimeout(say, 20, 'in a thread')", False),
        IN_A_THREAD.format("timers.setTimeout(say, 5000, 'never')", True),
    ) == [
        (0, 'timer\n', ''),
        (0, 'immediate\n', ''),
        (0, 'tick\n', ''),
        (0, '', ''),
        (0, 'again\n', ''),
        (0, 'beat\n', ''),
        (0, 'job\n', ''),
        (0, 'long tick\n', ''),
        (0, 'slept\n', ''),
        (0, 'after blocking\n', ''),
        (0, 'held back\n', ''),
        (0, 'nothing will ever come\n', ''),
        (0, 'in a thread\n', ''),
        (0, '', ''),
    ]


def test_run_keeps_the_process_as_well() -> None:
    assert results(
        "run(lambda: timers.setTimeout(say, 30, 'timer')); say('run is over')",
        "run(lambda: listen().unref()); say('run is over')",
        "run(lambda: timers.setTimeout(lambda: listen().close(), 5)); say('run is over')",
        "thread = threading.Thread(target=run, args=(lambda: timers.setTimeout(say, 30, 'in a thread'),)); "
        "thread.start()",
    ) == [
        (0, 'timer\nrun is over\n', ''),
        (0, 'run is over\n', ''),
        (0, 'run is over\n', ''),
        (0, 'in a thread\n', ''),
    ]


def test_a_script_that_fails_has_ended() -> None:
    for status, out, errors in results('listen(); 1 / 0', 'run(lambda: (listen(), 1 / 0))'):
        assert (status, out) == (1, '')
        assert errors.count('Traceback') == 1
        assert errors.endswith('ZeroDivisionError: division by zero\n')


# Exit


def test_sys_exit_in_a_callback_ends_the_process() -> None:
    assert results(
        'listen(); timers.setTimeout(sys.exit, 20, 3)',
        'listen(); timers.setTimeout(sys.exit, 20, 4); time.sleep(30)',
        'listen(); timers.setTimeout(sys.exit, 20, 5); Waiter().wait()',
        'listen(); timers.setTimeout(sys.exit, 20)',
        "listen(); timers.setTimeout(sys.exit, 20, 'a message')",
        'timers.nextTick(sys.exit, 6)',
        "run(lambda: (listen(), timers.setTimeout(sys.exit, 20, 7))); say('never')",
        "run(lambda: (listen(), timers.setTimeout(sys.exit, 20, 8), time.sleep(30))); say('never')",
        "run(lambda: (listen(), sys.exit(9))); say('never')",
        'run(lambda: (listen(), timers.setTimeout(lambda: (time.sleep(0.03), sys.exit(10)), 1)))',
        "run(lambda: (listen(), timers.setTimeout(sys.exit, 20, 'a message'))); say('never')",
        "run(lambda: (listen(), timers.setTimeout(sys.exit, 20, 11), Waiter().wait())); say('never')",
        'listen(); signal.signal(signal.SIGINT, signal.SIG_IGN); timers.setTimeout(sys.exit, 20, 12); '
        'time.sleep(30)',
    ) == [
        (3, '', ''), (4, '', ''), (5, '', ''), (0, '', ''), (1, '', 'a message\n'), (6, '', ''),
        (7, '', ''), (8, '', ''), (9, '', ''), (10, '', ''), (1, '', 'a message\n'), (11, '', ''),
        (12, '', ''),
    ]


def test_what_is_to_be_done_at_the_end_is_done() -> None:
    script = """
atexit.register(say, 'first')
listen()
atexit.register(say, 'last')
print('not flushed', end='')
timers.setTimeout(sys.exit, 20, 3)
"""
    assert results(script, script + 'threading.Event().wait(30)') == [(3, 'not flushedlast\nfirst\n', '')] * 2


def test_sys_exit_unwinds_the_main_thread() -> None:
    script = """
listen()
timers.setTimeout(sys.exit, 20, 3)
try:
    time.sleep(30)
except SystemExit as error:
    say('unwound', error.code)
    sys.exit(4)
"""
    assert run_script(HEAD + script) == (4, 'unwound 3\n', '')


def test_sys_exit_ends_the_process_though_signals_are_lost() -> None:
    # One that comes right before the main thread begins to wait ends no wait; one that comes just as the
    # script ends finds it elsewhere.
    script = """
interrupt, lost = lifetime._interrupt, [1, 2, 3]
lifetime._interrupt = lambda *args: lost.pop() if lost else interrupt(*args)
listen()
timers.setTimeout(sys.exit, 20, 3)
time.sleep(30)
"""
    just_over = """
interrupt = lifetime._interrupt
lifetime._interrupt = lambda *args: (interrupt(*args), time.sleep(0.05))
threading.main_thread().is_alive = lambda: True
listen()
timers.setTimeout(sys.exit, 50, 4)
"""
    assert results(script, just_over) == [(3, '', ''), (4, '', '')]


# Ctrl-C


def test_ctrl_c_ends_a_process_at_once_and_quietly() -> None:
    scripts = (
        """
listen()
atexit.register(say, 'at exit')
def say_when_the_script_is_over():
    threading.main_thread().join()
    say('ready')
threading.Thread(target=say_when_the_script_is_over, daemon=True).start()
""",
        "run(lambda: (listen(), say('ready')))",
        "run(lambda: (listen(), timers.setTimeout(time.sleep, 1, 30), say('ready')))",
        "run(lambda: (listen(), say('ready'), Waiter().wait()))",
        "run(lambda: (listen(), say('ready'), time.sleep(30)))",
        "configure(maxThreads=1); run(lambda: (listen(), say('ready'), Waiter().wait()))",
        "configure(handoffAfter=None); run(lambda: (listen(), say('ready'), time.sleep(30)))",
        "run(lambda: (timers.setInterval(lambda: sum(range(100)), 1), say('ready')))",
        """
def tick():
    timers.nextTick(tick)
run(lambda: (tick(), timers.setTimeout(lambda: None, 1), say('ready')))
""",
    )
    assert interrupted(*scripts) == [(130, 'at exit\n', '')] + [(130, '', '')] * (len(scripts) - 1)


def test_ctrl_c_right_before_the_main_thread_begins_to_wait() -> None:
    # It is as if another thread had got the signal: the wait goes on. Nor is it put off again and again.
    script = """
lifetime._PATIENCE = 1_000_000
def interrupt_another_thread():
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
def begin():
    listen()
    threading.Timer(0.1, interrupt_another_thread).start()
"""
    handled = 'begin(); signal.signal(signal.SIGINT, lambda number, frame: os._exit(4)); time.sleep(30)'
    assert results(
        script + 'run(begin)',
        script + 'run(lambda: (begin(), time.sleep(30)))',
        script + 'run(lambda: (begin(), Waiter().wait()))',
        script + 'configure(maxThreads=1); run(lambda: (begin(), Waiter().wait()))',
        script + handled,
    ) == [(130, '', '')] * 4 + [(4, '', '')]


def test_ctrl_c_that_wakes_nobody() -> None:
    # When the script is over, right before the main thread waits for the others.
    script = """
listen()
def interrupt_another_thread():
    threading.main_thread().join()
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Thread(target=interrupt_another_thread, daemon=True).start()
"""
    handled = """
opened = listen()
signal.signal(signal.SIGINT, lambda number, frame: (say('caught'), opened.close()))
""" + script.replace('listen()', '')
    assert results(script, handled) == [(130, '', ''), (0, 'caught\n', '')]


def test_ctrl_c_in_the_script_itself_is_that_of_python() -> None:
    for status, out, errors in interrupted(
        "listen(); say('ready'); time.sleep(30)",
        "listen(); say('ready'); Waiter().wait()",
        "listen(); say('ready'); timers.sleep(30_000)",
        # The signal reaches another thread: as if it had come in the last instant before the wait.
        "timers.setTimeout(say, 100, 'ready'); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); "
        # (It ends by that signal only if it can get it.)
        "listen()\n"
        "try: Waiter().wait()\nfinally: signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])",
    ):
        assert (status, out) == (-signal.SIGINT, '')  # which a shell calls 130
        assert errors.count('Traceback') == 1
        assert errors.endswith('KeyboardInterrupt\n')


def test_ctrl_c_can_be_handled() -> None:
    script = """
opened = listen()
signal.signal(signal.SIGINT, lambda number, frame: (say('caught'), opened.close()))
say('ready')
"""
    assert interrupted(script) == [(0, 'caught\n', '')]


def test_ctrl_c_at_any_moment() -> None:
    # The main thread is in the library nearly all the time, and Ctrl-C may come between any two of its steps.
    script = """
def beat():
    with monitor:
        threadpool.call_soon(beat)
        call_user(int)
def main():
    threading.Timer(DELAY, os.kill, (os.getpid(), signal.SIGINT)).start()
    beat()
run(main)
"""
    delays = [0.02 + 0.0011 * number for number in range(16)]
    assert results(*(script.replace('DELAY', str(delay)) for delay in delays)) == [(130, '', '')] * 16


def test_ctrl_c_twice_while_the_monitor_is_given_away() -> None:
    script = """
from functools import partial
release_monitor = threadpool.release_monitor
def interrupted_release():
    threadpool.release_monitor = release_monitor
    # The second signal comes while the first is looked at.
    lifetime.owns_monitor = partial(next, map(signal.raise_signal, [signal.SIGINT]), False)
    state = release_monitor()
    signal.raise_signal(signal.SIGINT)
    lifetime.owns_monitor = threadpool.owns_monitor
    return state
def main():
    with monitor:
        threadpool.release_monitor = interrupted_release
        call_user(int)
    listen()
run(main)
"""
    assert run_script(HEAD + script) == (130, '', '')


# Fork


def test_a_child_begins_with_a_fresh_pool() -> None:
    script = """
parents = listen()
timers.setInterval(lambda: None, 5)
time.sleep(0.03)
child = os.fork()
if child == 0:
    assert pool.describe_open() == [], pool.describe_open()
    parents.close()
    assert pool.references == 0
    events = Waiter()
    timers.setTimeout(events.set, 1, 'came')
    say(events.wait())
    timers.setTimeout(say, 20, 'child')
else:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    say('parent')
    timers.setTimeout(sys.exit, 1, 3)
"""
    assert run_script(HEAD + script) == (3, 'came\nchild\nparent\n', '')


SHARE = """
agent = http.Agent(trusted, keepAlive=True)
answer = lambda req, res: res.end(str(req.socket.remotePort))
server = http.createServer(own, answer).listen(0, 'localhost')
nodehttp.once(server, 'listening')
def ask():
    req = http.get(port=server.address().port, agent=agent)
    return b''.join(nodehttp.once(req, 'response', 10)[0])
connection = ask()
child = os.fork()
if child == 0:
    assert ask() != connection  # and drops that, without a word to the server
    say('child')
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert ask() == connection
say('parent')
agent.destroy()
server.close()
"""

FORKS = {
    'in a callback': """
def callback():
    child = os.fork()
    if child == 0:
        timers.sleep(5)
        say('child')
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    say('parent')
    over.set()
over = Waiter()
timers.setTimeout(callback, 1)
over.wait()
""",
    'in a detached callback': """
def callback():
    time.sleep(0.03)
    child = os.fork()
    if child == 0:
        with blocking():
            say('child')
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    say('parent')
    over.set()
over = Waiter()
timers.setTimeout(callback, 1)
over.wait()
""",
    'in run, which goes on in both': """
def main():
    timers.setTimeout(lambda: None, 100_000).unref()
    opened = listen()
    child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        opened.close()
    timers.setTimeout(say, 5, 'parent' if child else 'child')
run(main)
""",
    'in blocking, in run': """
def main():
    with blocking():
        child = os.fork()
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.references == 0
    timers.setTimeout(say, 5, 'parent' if child else 'child')
run(main)
""",
    'by multiprocessing': """
import multiprocessing
def work():
    timers.setTimeout(say, 5, 'child')
listen()
timers.sleep(1)
process = multiprocessing.get_context('fork').Process(target=work)
process.start()
process.join()
assert process.exitcode == 0
say('parent')
timers.setTimeout(sys.exit, 1, 0)
""",
    'while an agent has an idle connection': """
import nodehttp as http
own = trusted = {}
""" + SHARE,
    'while an agent has an idle connection over TLS': """
import nodehttps as http, trustme
authority = trustme.CA()
own = authority.issue_cert('localhost')
own = {'key': own.private_key_pem.bytes(), 'cert': own.cert_chain_pems[0].bytes()}
trusted = {'ca': authority.cert_pem.bytes()}
""" + SHARE,
    'while connections are open': """
from nodehttp import net
def connect():
    server = net.createServer().listen(0)
    nodehttp.once(server, 'listening')
    return server, net.connect(server.address().port), nodehttp.once(server, 'connection')[0]
servers, sockets, peers = zip(connect(), connect())
ports = [server.address().port for server in servers]
child = os.fork()
if child == 0:
    sockets[0].destroy()
    servers[0].close()
    say('child')
    os.write(theirs, b'x')
    signal.alarm(20)
    signal.pause()
os.read(ours, 1)
sockets[0].write('a')  # what the child closes is its own
assert nodehttp.once(peers[0], 'data', 5) == [b'a']
nodehttp.once(net.connect(ports[0]), 'connect', 5)
ended = Waiter()
peers[1].on('end', ended.set).resume()
sockets[1].destroy()  # what the parent ends has ended
ended.wait(5)
servers[1].close()
try:
    nodehttp.once(net.connect(ports[1]), 'connect', 5)
except ConnectionRefusedError:
    say('parent')
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
os._exit(0)
""",
    'while a server listens on what another one listens on': """
from nodehttp import net
first = net.createServer().listen(0)
second = net.createServer(lambda socket: socket.end('a')).listen(first)
nodehttp.once(second, 'listening')
port = first.address().port
child = os.fork()
if child == 0:
    say('child')
    os.write(theirs, b'x')
    signal.alarm(20)
    signal.pause()
os.read(ours, 1)
first.close()
assert nodehttp.once(net.connect(port), 'data', 5) == [b'a']
second.close()
say('parent')
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
""",
    'of a process that has used nothing': """
child = os.fork()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
timers.setTimeout(say, 5, 'parent' if child else 'child')
""",
}


def test_forks() -> None:
    outcomes = dict(zip(FORKS, results(*FORKS.values()), strict=True))
    assert outcomes == dict.fromkeys(FORKS, (0, 'child\nparent\n', ''))


# Idle


@pytest.mark.skipif(not Path('/proc/self/task').exists(), reason='needs /proc')
def test_an_idle_process_never_wakes_up() -> None:
    script = """
from nodehttp import baton
baton.IDLE_LINGER = 0.1
listen()
for number in range(8):
    timers.setTimeout(time.sleep, 1, 0.02)
timers.setTimeout(lambda: None, 900).close()
timers.setTimeout(lambda: None, 3_600_000)

def switches():
    counts = {}
    for task in os.listdir('/proc/self/task'):
        if int(task) != threading.get_native_id():
            with open(f'/proc/self/task/{task}/status') as file:
                counts[task] = next(line for line in file if line.startswith('voluntary_ctxt_switches'))
    return counts

def observe():
    time.sleep(0.5)
    before = switches()
    time.sleep(0.7)
    after = switches()
    say(len(after), before == after or (before, after))
    os._exit(0)

threading.Thread(target=observe).start()
"""
    # The main thread, the keeper, the holder, the watcher.
    assert run_script(HEAD + script) == (0, '4 True\n', '')


def test_a_script_that_only_imports_leaves_everything_as_it_was() -> None:
    script = """
import nodehttp, signal, sys, threading
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert threading.active_count() == 1
assert 'ssl' not in sys.modules and 'asyncio' not in sys.modules
"""
    assert run_script(script) == (0, '', '')


def test_new_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # By Python 3.12.0 and 3.12.1 they are, once the script is over.
    script = """
timers.setTimeout(lambda: None, 1)
timers.sleep(20)
def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")
threading.Thread.start = refuse
for number in range(4):
    timers.setTimeout(lambda number=number: (time.sleep(0.02), say(number)), 1)
with monitor:
    threadpool.submit(lambda: 'job', lambda error, result: say(result))
timers.setTimeout(lambda: (timers.sleep(20), say('waited')), 20)
"""
    status, out, errors = run_script(HEAD + script)
    assert (status, errors) == (0, '')
    assert sorted(out.split()) == ['0', '1', '2', '3', 'job', 'waited']


def test_a_job_that_no_new_thread_can_do() -> None:
    script = """
timers.sleep(20)
def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")
threading.Thread.start = refuse
with monitor:
    threadpool.submit(lambda: 'job', lambda error, result: say(result))
"""
    assert run_script(HEAD + script) == (0, 'job\n', '')


def test_the_first_thing_is_opened_too_late() -> None:
    script = """
atexit.register(lambda: timers.setTimeout(say, 0, 'too late'))
"""
    status, _, errors = run_script(HEAD + script)
    assert (status, errors) == (0, '')


def test_who_leaves_the_prompt_of_python_ends_the_process() -> None:
    with Program('-i', '-c', HEAD + 'opened = listen()') as program:
        assert program.wait('say(1 + 1)\n1 / 0\n')[:2] == (0, '2\n')


def test_who_leaves_a_console_in_a_script_does_not() -> None:
    """Nor does an exception there."""
    with script(HEAD + 'import code; code.interact(local=globals())') as program:
        status, out, _ = program.wait("timers.setTimeout(say, 50, 'timer')\n1 / 0\n")
    assert 'timer' in out
    assert status == 0
