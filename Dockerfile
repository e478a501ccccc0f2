# im2latex on a bare Debian: TeX, the package and the server. The same two commands work inside:
#
#   docker build -t im2latex .
#   docker run --rm --init -p 127.0.0.1:8000:8000 im2latex      the server: http://localhost:8000
#   docker run --rm --init im2latex make repro                  raw formulas to report
#
# The server draws formulas of strangers in a sandbox of Landlock and seccomp, which the kernel of the host must offer
# (Linux 5.13 or newer, Landlock among its security modules) and the container's runtime must not forbid: Docker's own
# seccomp profile allows both. Try it: docker run --rm im2latex im2latex doctor
# Where it is missing, as under gVisor, the server refuses to start here, since it listens beyond loopback. Append
# `im2latex serve --host 0.0.0.0 --allow-unsandboxed` only where a formula may read all that the container's user can.
# Behind another name than localhost or an IP address: im2latex serve --host 0.0.0.0 --allowed-host NAME
#
# For a GPU: docker run --gpus all; where the host's driver asks for another base, one with Python 3.11 or newer:
#   docker build --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 -t im2latex:cuda .
# --build-arg PIP_EXTRA_INDEX_URL=... takes torch from an index of wheels without CUDA, for a smaller image.

ARG BASE=debian:12-slim

FROM ${BASE} AS system
WORKDIR /im2latex
COPY setup/system.sh setup/
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates make \
    && setup/system.sh \
    && rm -rf /var/lib/apt/lists/*

# The environment is made apart, so that what it takes to make it is not in the image.
FROM system AS environment
ARG PIP_EXTRA_INDEX_URL
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY im2latex im2latex
COPY pipeline pipeline
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir -c constraints.txt -e '.[dev]'

FROM system
RUN useradd --create-home --uid 10001 reader && chown -R reader: /im2latex
USER 10001
COPY --from=environment --chown=10001 /im2latex/.venv .venv
COPY --chown=10001 . .
# The set-up of `make` is done, and the preamble compiled for the first formula.
RUN touch .venv/.ready && .venv/bin/python -c 'from im2latex.rendering.renderer import TexRenderer; TexRenderer().prepare()'
ENV PATH=/im2latex/.venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["im2latex", "serve", "--host", "0.0.0.0"]
