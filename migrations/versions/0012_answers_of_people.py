"""The index of the answers of a person.

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-29
"""
from alembic import op


revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

_NAME = 'ix_predictions_user_id_id'


def upgrade():
    # A migration of its own, because it commits: the table may be large, and rows arrive while its index is built. One
    # that was interrupted leaves an index that cannot be used.
    with op.get_context().autocommit_block():
        op.execute(f'DROP INDEX IF EXISTS {_NAME}')
        op.create_index(_NAME, 'predictions', ['user_id', 'id'], unique=False, postgresql_concurrently=True)


def downgrade():
    op.drop_index(_NAME, table_name='predictions')
