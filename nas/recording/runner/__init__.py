"""Measures the models of a bundle with ONNX Runtime; needs Python 3.9, numpy and onnxruntime, nothing else.

    python runner.py [FOLDER]

A bundle takes these files along, so they import each other relatively and nothing else of the project. FOLDER
(default: where that runner.py is, which calls the one here) holds `plan.json` and `models/`; rows go to
`results.jsonl` there. It can be stopped at any instant: every finished row is in the file, and the same command goes
on from there.

How a model is timed. Models come in chunks. As many chunks as take half of the time are measured together, in passes
that time every model once: a model's figures are spread over minutes, so that drift averages out. A pass of a model
is a burst: a new session (its memory lies elsewhere each time), a warm-up, then runs for `burst_s` seconds, and at
least `LEAST_RUNS`. Runs that something disturbed are set aside: those whose threads waited for a core (Linux says so)
for more than `LOST` of their time, and those before or after which a short loop took over `DISTURBED` times its least
time, since a virtual machine's neighbour on the same physical core slows it down without any wait. Where the threads
take all cores, the loop runs on each of them before and after a burst, and a slow one sets the burst aside. A burst
with fewer than `LEAST_RUNS` others has no figure. Its figure is the lower quartile of its runs; a model's is the
median of its bursts' figures, and its spread is 1.4826 times their median absolute deviation, which is a standard
deviation where they are normal. Models with fewer than `PASSES` figures, or whose median's standard error is above
`SETTLED`, get further passes, up to three times as many. Last comes a session with ONNX Runtime's profiler, which
splits the time over its fused kernels.
"""
