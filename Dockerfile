# The image of the service: `docker build -t pfa-rpc .`. The first stage has what builds, the second only what runs.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /build
RUN python -m venv --without-pip /opt/pfa
# Locked packages come first: they change less often than the code, so that most builds take them from the layer cache.
COPY requirements/run.txt requirements/build.txt requirements/
RUN pip --python /opt/pfa/bin/python install --require-hashes --no-deps --only-binary :all: -r requirements/run.txt
RUN pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY src src
COPY migrations migrations
RUN pip wheel --no-build-isolation --no-deps --no-index --wheel-dir dist .
RUN pip --python /opt/pfa/bin/python install --no-deps --no-index dist/pfa_rpc-*.whl
# The root file system is read-only where the service runs, so that Python could not keep what it compiles.
RUN /opt/pfa/bin/python -m compileall -q /opt/pfa/lib

FROM python:3.11-slim-bookworm
# Nothing that runs needs an installer, and one that is not there cannot be misused.
RUN python -m pip uninstall --yes --quiet pip setuptools wheel
# A fixed number, so that files and policies outside the container can name it; none of the system's own users has it.
RUN groupadd --gid 10001 pfa && useradd --uid 10001 --gid pfa --no-create-home --shell /usr/sbin/nologin pfa
COPY --from=build /opt/pfa /opt/pfa
ENV PATH=/opt/pfa/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 50051
# Each check starts a Python, about a second of one core: seldom while all is well, often only during the start.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s --retries=3 \
    CMD ["pfa", "health", "--timeout", "5"]
ENTRYPOINT ["pfa"]
CMD ["serve"]
