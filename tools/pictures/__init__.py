"""Pictures of real runs, for README and site: `nox -s record` draws those in docs/, `nox -s docs` those of the site."""
