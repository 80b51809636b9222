"""A Kafka cluster in memory, of librdkafka's own, in a process of its own: it ends with the process.

    python -m tests.integration.circuits.kafka_broker

prints its address, then waits for the end of its standard input. Topics are made when they are first used, with four
partitions; transactions are taken and not applied. It keeps nothing: what a broker has on its disk after `kill -9`
cannot be tested with it, only what becomes of a broker that does not answer for a while (SIGSTOP).
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kafka_broker() -> Iterator[str]:
    """Run a cluster; its address."""
    with kafka_process() as (address, _):
        yield address


@contextmanager
def kafka_process() -> Iterator[tuple[str, int]]:
    """Run a cluster; its address and its process."""
    command = [sys.executable, "-m", "tests.integration.circuits.kafka_broker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.kill()
        process.wait()


def main() -> None:
    from confluent_kafka import Producer

    producer = Producer({"test.mock.num.brokers": 1})
    brokers = producer.list_topics(timeout=30).brokers
    print(*(f"{broker.host}:{broker.port}" for broker in brokers.values()), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
