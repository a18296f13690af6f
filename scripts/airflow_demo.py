"""Start a real Airflow with the example packed and deployed, and keep it running until Ctrl-C.

    python -m scripts.airflow_demo 3.4.0b2

``make airflow-demo VERSION=…`` installs that Airflow first. What it writes goes to a temporary folder.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.install_peer import PEERS, ROOT
from scripts.local_airflow import AirflowError, LocalAirflow

EXAMPLE = ROOT / "examples" / "etl"
SETTINGS = {
    "AIRFLOW_VAR_ETL_SOURCE": "s3://bucket/rows",
    "AIRFLOW_CONN_ETL_WAREHOUSE": "postgres://etl:secret@warehouse.example:5432/sales",
}


def main(version: str) -> int:
    """Run the demo with Airflow *version*; returns the exit code."""
    # `kill` and a closed terminal stop everything in the same orderly way as Ctrl-C.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.getsignal(signal.SIGINT))
    with (
        tempfile.TemporaryDirectory(prefix="afbundle-demo-") as folder,
        contextlib.suppress(KeyboardInterrupt),
    ):
        airflow = LocalAirflow(version, PEERS[version].python, Path(folder), extra=SETTINGS)
        bundle = Path(folder) / "etl"
        subprocess.run(
            [sys.executable, "-m", "afbundle.cli", "pack", str(EXAMPLE / "tasks.py"), "-o", str(bundle)],
            check=True,
        )
        airflow.deploy(bundle, EXAMPLE / "dags" / "etl_dag.py")
        print(f"Starting Airflow {version} (about half a minute) ...", flush=True)
        try:
            with airflow:
                print(f"\n  UI       {airflow.url}/dags/etl_example")
                print(f"  bundle   {airflow.bundles / 'etl'}")
                print(f"  Dag      {airflow.dags / 'etl_dag.py'}")
                print("\nTrigger the Dag in the UI. Ctrl-C stops everything.", flush=True)
                airflow.wait()
        except AirflowError as error:
            print(error, file=sys.stderr)
            return 1
    print("\nStopped.")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in PEERS:
        sys.exit(f"usage: python -m scripts.airflow_demo {'|'.join(PEERS)}")
    sys.exit(main(sys.argv[1]))
