# Any release of Airflow 3 from 3.1.0 on: the official slim image, with the driver for PostgreSQL and the hand-off executor.
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:slim-${AIRFLOW_VERSION}-python3.11
ARG AIRFLOW_VERSION
USER root
# A new volume takes its owner from here.
RUN install -d -o 50000 -g 0 -m 0775 /shared /shared/dags /shared/logs
USER 50000
# As of the release, like everything in the image: its own constraints say so.
RUN pip install --no-cache-dir --constraint "${HOME}/constraints.txt" \
      "apache-airflow==${AIRFLOW_VERSION}" apache-airflow-providers-postgres
COPY logged.sh /opt/windtunnel/docker/logged.sh
COPY executor/windtunnel_executor /opt/windtunnel/docker/executor/windtunnel_executor
