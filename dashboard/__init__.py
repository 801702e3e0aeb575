"""The web side: settings, pages and live connections. It calls the engine and decides nothing."""
