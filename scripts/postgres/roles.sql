-- Run once, by the Postgres image, when its volume is empty. Two logins: the owner migrates, the app runs and may neither
-- alter the schema nor change or delete an event. The migration grants the app what it needs.
\getenv owner_password POSTGRES_OWNER_PASSWORD
\getenv app_password POSTGRES_APP_PASSWORD

CREATE ROLE onetill_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE onetill_app LOGIN PASSWORD :'app_password';
CREATE DATABASE onetill OWNER onetill_owner;
REVOKE ALL ON DATABASE onetill FROM PUBLIC;
GRANT CONNECT ON DATABASE onetill TO onetill_app;
