# im2latex on a bare Debian: TeX, the package and the server. The same two commands work inside:
#
#   docker build -t im2latex .
#   docker run --rm --init -p 127.0.0.1:8000:8000 im2latex      the server: http://localhost:8000
#   docker run --rm --init im2latex make repro                  raw formulas to report
#
# The server renders untrusted formulas in a sandbox of Landlock and seccomp. The host's kernel must offer them (Linux
# 5.13 or newer, Landlock among its security modules), and the container runtime must allow them: Docker's default
# seccomp profile does. Try it: docker run --rm im2latex im2latex doctor
# Without them, as under gVisor, the server refuses to start here, since it listens beyond loopback. Append
# `im2latex serve --host 0.0.0.0 --allow-unsandboxed` only where a formula may read all that the container's user can.
# Behind another name than localhost or an IP address: im2latex serve --host 0.0.0.0 --allowed-host NAME
#
# For a GPU: docker run --gpus all; where the host's driver needs another base, one with Python 3.11 or newer:
#   docker build --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 -t im2latex:cuda .
# Without a GPU, a smaller image: docker build --build-arg TORCH_BACKEND=cpu -t im2latex .
# What CI tests: docker build --target test --build-arg BASE=python:3.13-slim-bookworm -t im2latex:test .

ARG BASE=debian:12-slim

FROM ${BASE} AS system
WORKDIR /im2latex
COPY setup/system.sh setup/
COPY im2latex/sandbox/system_packages.txt im2latex/sandbox/
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates make \
    && setup/system.sh \
    && rm -rf /var/lib/apt/lists/*

# The environment is built in a stage of its own, so that build tools and caches stay out of the image.
FROM system AS environment
ARG TORCH_BACKEND=
ARG EXTRAS=dev
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY im2latex/__init__.py im2latex/
# uv selects the wheels of torch by TORCH_BACKEND: cpu, cu128, ...; empty: those of the package index.
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir -c constraints.txt uv \
    && python3 -m venv .venv \
    && /opt/uv/bin/uv pip install --no-cache --python .venv/bin/python ${TORCH_BACKEND:+--torch-backend $TORCH_BACKEND} \
        -c constraints.txt -e ".[${EXTRAS}]"

# Everything that a test may need, so that none is skipped.
FROM system AS test
ARG FONTS=
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends bubblewrap chromium \
    && setup/system.sh ${FONTS} \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 reader && chown -R reader: /im2latex
USER 10001
COPY --from=environment --chown=10001 /im2latex/.venv .venv
COPY --chown=10001 . .
RUN touch .venv/.ready
ENV PATH=/im2latex/.venv/bin:$PATH PYTHONUNBUFFERED=1
CMD ["make", "coverage"]

FROM system
RUN useradd --create-home --uid 10001 reader && chown -R reader: /im2latex
USER 10001
COPY --from=environment --chown=10001 /im2latex/.venv .venv
COPY --chown=10001 . .
# Set-up is complete for `make`; the model's graphs are written, and the TeX preamble is compiled, before the first image.
RUN touch .venv/.ready && .venv/bin/im2latex export onnx im2latex/pretrained im2latex/pretrained && .venv/bin/python -c 'from im2latex.rendering.renderer import TexRenderer; TexRenderer().prepare()'
ENV PATH=/im2latex/.venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["im2latex", "serve", "--host", "0.0.0.0"]
