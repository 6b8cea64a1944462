"""The pages, one module per page. They are whole without JavaScript; scripts only make them livelier."""
