# One image for every part: the command says which (fdt process, fdt serve, ...).

FROM python:3.11-slim AS build
WORKDIR /build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv --without-pip /opt/fdt && python -m venv /opt/tools
COPY requirements.lock requirements.image.lock ./
# What builds the wheel stays behind with this stage: no tests, no broker, no Java in the image.
RUN /opt/tools/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
RUN /opt/tools/bin/pip --python /opt/fdt/bin/python install --no-cache-dir --require-hashes \
    -r requirements.image.lock
COPY . ./
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/tools/bin/pip --python /opt/fdt/bin/python install \
    --no-cache-dir --no-deps --no-index /wheels/*.whl
# The rules as a C extension, beside the packages that they were built from.
RUN /opt/tools/bin/python -m schemas.compiled \
    && cp -r compiled_rules /opt/fdt/lib/python3.11/site-packages/

FROM python:3.11-slim
# What Debian mended since the base image was made; and no pip, which nothing here uses.
RUN apt-get update && apt-get upgrade --yes && rm -rf /var/lib/apt/lists/* \
    && rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/bin/pip*
RUN groupadd --gid 10001 fdt && useradd --uid 10001 --gid fdt --create-home fdt \
    && install --directory --owner=fdt --group=fdt --mode=0700 /var/lib/fdt
COPY --from=build /opt/fdt /opt/fdt
ENV PATH=/opt/fdt/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FDT_DATA_DIR=/var/lib/fdt \
    FDT_LOG_FORMAT=json
USER fdt
WORKDIR /var/lib/fdt
VOLUME /var/lib/fdt
ENTRYPOINT ["fdt"]
CMD ["--help"]
