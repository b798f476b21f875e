"""Configuration of the package, read at call time and never cached."""

from __future__ import annotations

from astropy import config

__all__ = ["Conf", "conf"]


class Conf(config.ConfigNamespace):
    """Configuration items of `astroquery_mmdc`, kept in ``astroquery_mmdc.cfg``."""

    server = config.ConfigItem(
        "https://mmdc.am",
        "Address of the MMDC service. The MMDC_SERVER environment variable comes before it.",
        cfgtype="string",
        module="astroquery_mmdc",
    )
    mmoda_server = config.ConfigItem(
        "https://www.astro.unige.ch/mmoda/dispatch-data",
        "Address of the MMODA dispatcher.",
        cfgtype="string",
        module="astroquery_mmdc",
    )
    timeout = config.ConfigItem(
        60.0,
        "Seconds to wait for the first byte of an answer.",
        cfgtype="float",
        module="astroquery_mmdc",
    )
    connect_timeout = config.ConfigItem(
        10.0,
        "Seconds to wait for a connection.",
        cfgtype="float",
        module="astroquery_mmdc",
    )
    job_timeout = config.ConfigItem(
        900.0,
        "Seconds to wait for a job (an SED or a fit) before giving up the wait.",
        cfgtype="float",
        module="astroquery_mmdc",
    )
    poll_interval = config.ConfigItem(
        1.0,
        "Smallest number of seconds between two questions about the same job.",
        cfgtype="float",
        module="astroquery_mmdc",
    )
    retries = config.ConfigItem(
        3,
        "How often a request that may be repeated is tried in all; 1 switches retries off.",
        cfgtype="integer",
        module="astroquery_mmdc",
    )
    retry_wait_max = config.ConfigItem(
        120.0,
        "Longest time in seconds to obey a Retry-After before giving up.",
        cfgtype="float",
        module="astroquery_mmdc",
    )
    max_connections = config.ConfigItem(
        8,
        "Requests in flight at once to one service.",
        cfgtype="integer",
        module="astroquery_mmdc",
    )
    row_limit = config.ConfigItem(
        -1,
        "Largest number of rows of an observation query; -1 means no limit.",
        cfgtype="integer",
        module="astroquery_mmdc",
    )
    app_name = config.ConfigItem(
        "astroquery_mmdc",
        "Name of the application, sent to the service as X-MMDC-Client.",
        cfgtype="string",
        module="astroquery_mmdc",
    )
    fit_email = config.ConfigItem(
        "fit@mmdc.am",
        "E-mail address sent with a fit; the default is the one meant for programs.",
        cfgtype="string",
        module="astroquery_mmdc",
    )
    extra_catalogs = config.ConfigItem(
        [],
        "Catalogue codes to accept besides the known ones.",
        cfgtype="string_list",
        module="astroquery_mmdc",
    )
    cache = config.ConfigItem(
        True,
        "Remember observations on disk and answer from there what is known.",
        cfgtype="boolean",
        module="astroquery_mmdc",
    )
    cache_timeout = config.ConfigItem(
        604800.0,
        "Seconds after which remembered observations are asked again; -1 means never.",
        cfgtype="float",
        module="astroquery_mmdc",
    )
    stale_if_error = config.ConfigItem(
        True,
        "Answer with older observations where the service cannot be reached, with a warning.",
        cfgtype="boolean",
        module="astroquery_mmdc",
    )
    answers_size = config.ConfigItem(
        500_000_000,
        "Bytes on disk for what each service said last about single sources (SEDs, facts, names); "
        "the oldest goes first. -1 means no limit.",
        cfgtype="integer",
        module="astroquery_mmdc",
    )
    offline = config.ConfigItem(
        False,
        "Never use the network: what is not held locally raises OfflineError.",
        cfgtype="boolean",
        module="astroquery_mmdc",
    )


conf = Conf()
