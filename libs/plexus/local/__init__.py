"""The whole mesh on one machine: NATS, PostgreSQL, and who keeps processes alive.

`plexus up`, the demo and the tests stand on this package; a cluster does not use it. The servers
come from wheels, listen on this machine only, keep everything under one folder and work for root
and for a normal user alike. Neighbours: `plexus.bus` and `plexus.store` are the clients, and
`plexus.testing.servers` lends these servers to tests.

    processes   one child process: start, wait, end; nothing outlives its parent
    data_folder, logs   passwords, ports and logs that are kept
    nats_server, postgres   the two servers
    supervisor  a set of processes and servers, kept running
"""
