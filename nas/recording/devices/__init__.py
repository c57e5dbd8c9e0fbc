"""Where a bundle is measured: this machine, one reached by ssh or adb, or any that takes a zip."""
