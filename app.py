"""Where a browser arrives: the shell, with the page that was asked for inside it."""

import streamlit as st

from pages import footer, shell

page = shell()
body, foot = st.container(width=1500), st.container(width=1500)
with footer(foot), body:
    page.run()
