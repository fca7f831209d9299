"""Studies, species and their search index, model versions, activations, predictions.

Revision ID: 0001
Revises: 
Create Date: 2026-11-24
"""
from alembic import op
import sqlalchemy as sa


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('studies',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.String(length=100), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('description', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_studies')),
    sa.UniqueConstraint('slug', name=op.f('uq_studies_slug'))
    )
    op.create_table('species',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('slug', sa.String(length=100), nullable=False),
    sa.Column('scientific_name', sa.String(length=200), nullable=False),
    sa.Column('vernacular_name', sa.String(length=200), nullable=False),
    sa.Column('other_names', sa.JSON(), nullable=False),
    sa.Column('name_key', sa.String(length=200), nullable=False),
    sa.Column('study_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['study_id'], ['studies.id'], name=op.f('fk_species_study_id_studies')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_species')),
    sa.UniqueConstraint('slug', name=op.f('uq_species_slug'))
    )
    with op.batch_alter_table('species', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_species_name_key'), ['name_key'], unique=False)
        batch_op.create_index(batch_op.f('ix_species_study_id'), ['study_id'], unique=False)

    op.create_table('model_versions',
    sa.Column('id', sa.String(length=150), nullable=False),
    sa.Column('species_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('path', sa.String(length=1000), nullable=False),
    sa.Column('card', sa.JSON(), nullable=False),
    sa.Column('registered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.ForeignKeyConstraint(['species_id'], ['species.id'], name=op.f('fk_model_versions_species_id_species')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_model_versions')),
    sa.UniqueConstraint('species_id', 'version', name=op.f('uq_model_versions_species_id_version'))
    )
    with op.batch_alter_table('model_versions', schema=None) as batch_op:
        batch_op.create_index('ix_model_versions_active_species', ['species_id'], unique=True, postgresql_where=sa.text('active'), sqlite_where=sa.text('active = 1'))
        batch_op.create_index(batch_op.f('ix_model_versions_species_id'), ['species_id'], unique=False)

    op.create_table('species_grams',
    sa.Column('gram', sa.String(length=3), nullable=False),
    sa.Column('species_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['species_id'], ['species.id'], name=op.f('fk_species_grams_species_id_species'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('gram', 'species_id', name=op.f('pk_species_grams'))
    )
    with op.batch_alter_table('species_grams', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_species_grams_species_id'), ['species_id'], unique=False)

    op.create_table('activations',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('species_id', sa.Integer(), nullable=False),
    sa.Column('model_id', sa.String(length=150), nullable=False),
    sa.Column('activated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['model_id'], ['model_versions.id'], name=op.f('fk_activations_model_id_model_versions')),
    sa.ForeignKeyConstraint(['species_id'], ['species.id'], name=op.f('fk_activations_species_id_species')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_activations'))
    )
    with op.batch_alter_table('activations', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_activations_species_id'), ['species_id'], unique=False)

    op.create_table('predictions',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('species_id', sa.Integer(), nullable=False),
    sa.Column('model_id', sa.String(length=150), nullable=False),
    sa.Column('environment', sa.JSON(), nullable=False),
    sa.Column('answer', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['model_id'], ['model_versions.id'], name=op.f('fk_predictions_model_id_model_versions')),
    sa.ForeignKeyConstraint(['species_id'], ['species.id'], name=op.f('fk_predictions_species_id_species')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_predictions'))
    )
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_predictions_model_id'), ['model_id'], unique=False)
        batch_op.create_index('ix_predictions_species_id_id', ['species_id', 'id'], unique=False)



def downgrade():
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.drop_index('ix_predictions_species_id_id')
        batch_op.drop_index(batch_op.f('ix_predictions_model_id'))

    op.drop_table('predictions')
    with op.batch_alter_table('activations', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_activations_species_id'))

    op.drop_table('activations')
    with op.batch_alter_table('species_grams', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_species_grams_species_id'))

    op.drop_table('species_grams')
    with op.batch_alter_table('model_versions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_model_versions_species_id'))
        batch_op.drop_index('ix_model_versions_active_species', postgresql_where=sa.text('active'), sqlite_where=sa.text('active = 1'))

    op.drop_table('model_versions')
    with op.batch_alter_table('species', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_species_study_id'))
        batch_op.drop_index(batch_op.f('ix_species_name_key'))

    op.drop_table('species')
    op.drop_table('studies')
