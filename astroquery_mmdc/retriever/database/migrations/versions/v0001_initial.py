"""The first tables.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration stays what it was, whatever becomes of the models: its types are its own.
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")
UTC = sa.DateTime(timezone=True)
TEXT, FLAG, BYTES = sa.String(), sa.Boolean(), sa.LargeBinary()
INTEGER, LARGE = sa.Integer(), sa.BigInteger()
NUMBER: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Make all tables."""
    _batches()
    _claims()
    _failures()
    _histogram_parts()
    _raw_photometry()
    _runs()
    _sources()
    _lightcurves()
    _properties()
    _source_raw()
    _detections()


def downgrade() -> None:
    """Remove all tables."""
    op.drop_table("detections")
    op.drop_table("source_raw")
    op.drop_table("properties")
    op.drop_table("lightcurves")
    op.drop_table("sources")
    op.drop_table("runs")
    op.drop_table("raw_photometry")
    op.drop_table("histogram_parts")
    op.drop_table("failures")
    op.drop_table("claims")
    op.drop_table("batches")


def _columns(kind: Any, names: str, *, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names.split()]


def _link(table: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [target], name=name, ondelete=ondelete)


def _make(name: str, *parts: Any) -> None:
    op.create_table(
        name,
        *_columns(INTEGER, "id"),
        *[part for part in parts if isinstance(part, sa.Column)],
        sa.Column("created_at", UTC, server_default=sa.func.now(), nullable=False),
        sa.Column("modified", UTC, server_default=sa.func.now(), nullable=False),
        *_columns(TEXT, "test_hash", nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        *[part for part in parts if not isinstance(part, sa.Column)],
    )


def _batches() -> None:
    _make(
        "batches",
        *_columns(TEXT, "batch_id project cfg_hash"),
        *_columns(INTEGER, "num_sources"),
        sa.UniqueConstraint("batch_id", name="uq_batches_batch_id"),
    )


def _claims() -> None:
    _make(
        "claims",
        *_columns(TEXT, "project cfg_hash source_name owner"),
        *_columns(UTC, "expires"),
        sa.UniqueConstraint(
            "project", "cfg_hash", "source_name", name="uq_claims_project_cfg_hash_source_name"
        ),
    )


def _failures() -> None:
    _make(
        "failures",
        *_columns(TEXT, "project cfg_hash source_name observatory step error traceback"),
        *_columns(INTEGER, "attempts"),
        sa.UniqueConstraint(
            "project",
            "cfg_hash",
            "source_name",
            "observatory",
            "step",
            name="uq_failures_project_cfg_hash_source_name_observatory_step",
        ),
    )


def _histogram_parts() -> None:
    _make(
        "histogram_parts",
        *_columns(TEXT, "batch_id project cfg_hash name"),
        *_columns(BYTES, "content"),
        sa.UniqueConstraint("batch_id", "name", name="uq_histogram_parts_batch_id_name"),
    )
    op.create_index(
        "ix_histogram_parts_project_cfg_hash_name",
        "histogram_parts",
        ["project", "cfg_hash", "name"],
    )


def _raw_photometry() -> None:
    _make(
        "raw_photometry",
        *_columns(FLAG, "is_empty"),
        *_columns(
            TEXT,
            "run_identifier run_object source_name observatory folder filename filekey",
            nullable=True,
        ),
        *_columns(TEXT, "format"),
        *_columns(TEXT, "load_instructions", nullable=True),
        *_columns(DOCUMENT, "colmap time_info altdata"),
        *_columns(UTC, "time_start time_end", nullable=True),
        *_columns(DOCUMENT, "shape"),
        *_columns(INTEGER, "number size"),
        *_columns(FLAG, "public autoload autosave overwrite"),
        sa.UniqueConstraint(
            "source_name", "observatory", name="uq_raw_photometry_source_name_observatory"
        ),
    )


def _runs() -> None:
    _make(
        "runs",
        *_columns(TEXT, "project cfg_hash"),
        *_columns(DOCUMENT, "config versions"),
        *_columns(UTC, "started ended", nullable=True),
        *_columns(TEXT, "status"),
    )
    op.create_index("ix_runs_project_cfg_hash", "runs", ["project", "cfg_hash"])


def _sources() -> None:
    _make(
        "sources",
        *_columns(TEXT, "name project cfg_hash"),
        *_columns(NUMBER, "ra dec"),
        *_columns(LARGE, "healpix"),
        *_columns(NUMBER, "x y z"),
        *_columns(NUMBER, "mag mag_err", nullable=True),
        *_columns(TEXT, "mag_filter origin classification", nullable=True),
        *_columns(DOCUMENT, "aliases local_names"),
        *_columns(INTEGER, "cat_index", nullable=True),
        *_columns(TEXT, "cat_id cat_name", nullable=True),
        *_columns(DOCUMENT, "cat_row"),
        sa.UniqueConstraint("project", "cfg_hash", "name", name="uq_sources_project_cfg_hash_name"),
    )
    op.create_index("ix_sources_healpix", "sources", ["healpix"])


def _lightcurves() -> None:
    _make(
        "lightcurves",
        *_columns(TEXT, "level"),
        *_columns(INTEGER, "source_id raw_data_id", nullable=True),
        *_columns(TEXT, "raw_data_filename", nullable=True),
        *_columns(TEXT, "project cfg_hash"),
        *_columns(INTEGER, "series_number series_total simulation_number simulation_total"),
        *_columns(DOCUMENT, "sim_pars", nullable=True),
        *_columns(TEXT, "filter", nullable=True),
        *_columns(INTEGER, "num_good", nullable=True),
        *_columns(
            NUMBER,
            "flux_mean flux_rms flux_mean_robust flux_rms_robust flux_max flux_min "
            "snr_max snr_min snr_median dsnr_max dsnr_min dmag_brightest dmag_faintest "
            "mag_mean mag_rms mag_mean_robust mag_rms_robust mag_brightest mag_faintest "
            "exp_time frame_rate",
            nullable=True,
        ),
        *_columns(FLAG, "is_uniformly_sampled", nullable=True),
        *_columns(NUMBER, "zero_point_instrumental zero_point_measured", nullable=True),
        *_columns(TEXT, "source_name observatory folder filename filekey", nullable=True),
        *_columns(TEXT, "format"),
        *_columns(TEXT, "load_instructions", nullable=True),
        *_columns(DOCUMENT, "colmap time_info altdata"),
        *_columns(UTC, "time_start time_end", nullable=True),
        *_columns(DOCUMENT, "shape"),
        *_columns(INTEGER, "number size"),
        *_columns(FLAG, "public autoload autosave overwrite"),
        _link("lightcurves", "raw_data_id", "raw_photometry.id", "CASCADE"),
        _link("lightcurves", "source_id", "sources.id", "CASCADE"),
        sa.UniqueConstraint(
            "source_id",
            "observatory",
            "level",
            "series_number",
            "simulation_number",
            name="uq_lightcurves_series",
        ),
    )
    op.create_index(
        "ix_lightcurves_project_cfg_hash_level", "lightcurves", ["project", "cfg_hash", "level"]
    )
    op.create_index("ix_lightcurves_raw_data_id", "lightcurves", ["raw_data_id"])


def _properties() -> None:
    _make(
        "properties",
        *_columns(INTEGER, "source_id"),
        *_columns(TEXT, "source_name project cfg_hash"),
        *_columns(DOCUMENT, "props"),
        *_columns(FLAG, "has_data"),
        _link("properties", "source_id", "sources.id", "CASCADE"),
        sa.UniqueConstraint("source_id", name="uq_properties_source_id"),
    )
    op.create_index("ix_properties_project_cfg_hash", "properties", ["project", "cfg_hash"])


def _source_raw() -> None:
    op.create_table(
        "source_raw",
        *_columns(INTEGER, "source_id raw_id"),
        sa.PrimaryKeyConstraint("source_id", "raw_id", name="pk_source_raw"),
        _link("source_raw", "raw_id", "raw_photometry.id", "CASCADE"),
        _link("source_raw", "source_id", "sources.id", "CASCADE"),
    )
    op.create_index("ix_source_raw_raw_id", "source_raw", ["raw_id"])


def _detections() -> None:
    _make(
        "detections",
        *_columns(INTEGER, "source_id"),
        *_columns(INTEGER, "lightcurve_id", nullable=True),
        *_columns(TEXT, "source_name observatory project cfg_hash method"),
        *_columns(DOCUMENT, "data_types"),
        *_columns(UTC, "time_start time_end peak_time peak_start peak_end", nullable=True),
        *_columns(NUMBER, "peak_mjd peak_mag peak_mag_diff snr score", nullable=True),
        *_columns(DOCUMENT, "extra_scores"),
        *_columns(INTEGER, "quality_flag", nullable=True),
        *_columns(DOCUMENT, "quality_values"),
        *_columns(FLAG, "simulated"),
        *_columns(DOCUMENT, "sim_pars"),
        *_columns(INTEGER, "series_number simulation_number peak_number"),
        *_columns(DOCUMENT, "data_ranges"),
        *_columns(INTEGER, "matched_filter_kernel_index", nullable=True),
        *_columns(TEXT, "match_filter_bank_name", nullable=True),
        *_columns(DOCUMENT, "matched_filter_kernel_props"),
        _link("detections", "lightcurve_id", "lightcurves.id", "SET NULL"),
        _link("detections", "source_id", "sources.id", "CASCADE"),
        sa.UniqueConstraint(
            "source_id",
            "observatory",
            "method",
            "series_number",
            "simulation_number",
            "peak_number",
            name="uq_detections_event",
        ),
    )
    op.create_index("ix_detections_lightcurve_id", "detections", ["lightcurve_id"])
    op.create_index(
        "ix_detections_project_cfg_hash_simulated",
        "detections",
        ["project", "cfg_hash", "simulated"],
    )
