# The README's commands on a Debian that has only what the README asks for, and git and Chromium:
#     docker build --target environment -t nnp .    packages alone, for work in it
#     docker build -t nnp .                         and `make test`, `make quick`: both must pass
FROM debian:bookworm-slim AS environment
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# No versions: Debian's stable releases fix theirs, and mirrors keep only the last.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates chromium g++ gfortran git make python3.11-dev python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /nnp
COPY . .
RUN make setup
CMD ["/bin/bash"]

FROM environment AS checked
RUN make test && make quick
