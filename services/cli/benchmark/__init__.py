"""Measures the whole mesh on one machine, load generator and receiver included.

    load       the sources: a process that sends as fast as asked, and times the answers
    load_control  starts that process and tells it what to do
    usage      CPU and memory of processes
    profiling  where one service spends its time
    pipeline   the phases of a run, and what is worked out from them
    report     the figures, for people and for machines

A run measures what it says and checks that nothing was lost or brought twice; figures of a run that
lost something are marked as worthless.
"""
