"""The dashboard: what a person sees. `screens.app.run` opens it over a `Backend`."""
